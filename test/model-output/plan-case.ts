import { expect } from 'vitest'
import type { RepositoryFacts } from '../../core/planner/facts.ts'
import { languageOf } from '../../core/planner/language.ts'
import { makePlan } from '../../core/planner/plan.ts'
import { answersOf, filesOf, spoken, type PlanCase } from './corpus.ts'
import type { SpeakingModel } from './model-server.ts'
import { unitsOf } from '../../core/planner/replan.ts'
import { brokenRules, harmlessTwin, whatIsMade } from './plan-rules.ts'

const standard =
  'Write slugify in src/slug.js and wrap(text, width) in src/wrap.js. Describe both in the README.'

/** Plans with the answers of a case, asked for over HTTP, and compares what came of it. */
export async function checkPlanCase(one: PlanCase, model: SpeakingModel): Promise<void> {
  const { want, maxTasks, request = standard } = one
  const name = 'hello'
  const limits = { maxTasks, maxParallel: 10, taskTimeoutSeconds: 1800, maxAttempts: 3 }
  const made = { name, request, maxTasks }
  const files = [...(filesOf(one.files)?.keys() ?? ['README.md', 'package.json'])]
  const plan = async () => {
    model.say({ answers: answersOf(one), notes: spoken(one.notes), ends: one.ends })
    return makePlan(
      {
        request: name,
        spec: { request, priority: 'normal', limits },
        profile: model.profile,
        facts: factsOf(files, request),
        call: model.gateway.call,
      },
      {},
    )
  }
  const first = await plan()
  const outcomes = first.transcript.filter(({ purpose }) => purpose !== 'plan.notes')
  const units = unitsOf(first.plan)

  expect(outcomes[0]?.outcome).toContain(want.problem ?? 'used')
  expect(units.map((unit) => unit.files)).toEqual(want.units)
  expect(first.plan.source).toBe(want.source)
  if (want.after !== undefined) {
    const numbers = new Map(units.map((unit, index) => [unit.name, index]))
    const after = units.map((unit) => (unit.after ?? []).map((other) => numbers.get(other)))
    expect(after).toEqual(want.after)
  }
  if (want.warning !== undefined) expect(first.plan.warnings.join('\n')).toContain(want.warning)
  if (want.says !== undefined) {
    expect(units.map((unit) => `${unit.goal}\n${unit.doneWhen}`).join('\n')).toContain(want.says)
  }
  for (const text of want.never) expect(JSON.stringify(first.plan)).not.toContain(text)
  if (want.notes !== undefined) {
    expect(first.transcript[0]?.outcome).toContain(want.notes)
  }

  expect(brokenRules(first.plan, made)).toEqual([])
  expect(whatIsMade(first.plan, made)).toEqual(whatIsMade(harmlessTwin(first.plan, made), made))
  expect((await plan()).plan).toEqual(first.plan)
}

function factsOf(files: readonly string[], request: string): RepositoryFacts {
  return {
    files,
    truncated: false,
    language: languageOf(files, request) ?? 'node',
    languageAssumed: false,
    manifest: '',
    readme: '',
    symbols: [],
  }
}
