// What every plan must hold, whatever a model said. Besides `planProblems`, which looks at the plan
// alone, these rules know what the harness was given, and spell out what must never be.
import { expect } from 'vitest'
import type { RepositoryFacts } from '../../core/planner/facts.ts'
import { languageOf } from '../../core/planner/language.ts'
import { makePlan } from '../../core/planner/plan.ts'
import { type PlanCase, answersOf, filesOf, spoken } from './corpus.ts'
import type { SpeakingModel } from './model-server.ts'
import { unitsOf } from '../../core/planner/replan.ts'
import { agentTaskOf } from '../../core/tasks/planned-task.ts'
import { agentPod } from '../../operator/controllers/agent/pod.ts'
import { isTestPath } from '../../agent-image/agent/project/project.ts'
import type { Plan, PlannedTask } from '../../core/api/devrequest.ts'
import { git } from '../../core/api/names.ts'
import { hasHiddenCharacters } from '../../core/api/plain-text.ts'
import { parseConfig } from '../../operator/settings/config.ts'
import { assignmentMessage } from '../../core/tasks/assignment.ts'
import { commitMessage } from '../../agent-image/agent/pipelines/pipeline.ts'
import { planProblems } from '../../core/planner/check-plan.ts'
import { expand } from '../../core/planner/tasks.ts'
import { taskName, unitName } from '../../core/planner/names.ts'
import { safePath } from '../../core/planner/paths.ts'
import { agent, heldStatus, request as devRequest, task as taskObject } from '../support/objects.ts'

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

/** What a plan was made for. */
interface PlannedFor {
  readonly name: string
  readonly request: string
  readonly maxTasks: number
}

const neverWritten =
  /(?:^|\/)(?:\.git|node_modules|__pycache__|\.guildhall|\.\.)(?:\/|$)|^[/~-]|[\\:]/i
const dnsLabel = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/
/** A title may end with what its goal begins with: letters, digits and blanks, and not many. */
const titles =
  /^(?:Prepare the branch|Review the (?:security of the )?change|Document the (?:change|API)|Close the branch|Run the tests of [-a-z0-9]+|Write (?:tests for )?[\p{L}\p{M}\p{Nd}_.@+,=~$()[\]/ -]+(?:\.\.\.)?(?:: [\p{L}\p{N}][\p{L}\p{N} '-]{2,58}(?:\.\.\.)?)?)$/u

/** The rules that a plan breaks, as sentences; empty for every plan that the planner may make. */
export function brokenRules(plan: Plan, made: PlannedFor): readonly string[] {
  const { tasks } = plan
  return [
    ...planProblems(plan, { maxTasks: made.maxTasks, maxParallel: 10 }),
    ...unreachable(tasks).map((name) => `${name} can never run`),
    ...tasks.flatMap((task) => taskProblems(task, made)),
    // A person may name units and choose files as they like.
    ...(plan.source === 'person' ? [] : unitProblems(plan, made.maxTasks)),
    ...plan.warnings.filter(isHiding).map((text) => `a warning hides characters: ${text}`),
  ]
}

/** Tasks that stay behind when all that can run is run. */
function unreachable(tasks: readonly PlannedTask[]): string[] {
  const done = new Set<string>()
  for (let before = -1; before < done.size; ) {
    before = done.size
    for (const { name, after } of tasks) if (after.every((one) => done.has(one))) done.add(name)
  }
  return tasks.map((task) => task.name).filter((name) => !done.has(name))
}

function taskProblems(task: PlannedTask, made: PlannedFor): string[] {
  const { name, action, unit, files, title } = task
  const problems: string[] = []
  if (!dnsLabel.test(name)) problems.push(`${name} is no DNS label`)
  // In a revision what concerns the whole request is done again.
  const byRule = [unit, ...(unit === undefined ? ['again'] : [])].map((part) =>
    taskName(made.name, action, part),
  )
  if (!byRule.includes(name)) problems.push(`${name} is not named by rule`)
  if (!dnsLabel.test(git.taskBranch(name, 1).split('/')[1] ?? '')) {
    problems.push(`${name} has no branch of its own`)
  }
  if (!titles.test(title)) problems.push(`${name} has the title ${title}`)
  for (const file of files) {
    if (safePath(file) !== file || neverWritten.test(file)) {
      problems.push(`${name} may write ${file}`)
    }
    if (/(?:^|\/)\./.test(file) && !isNamed(file, made.request)) {
      problems.push(`${name} may write the hidden file ${file}, which nobody asked for`)
    }
  }
  for (const text of [task.goal, task.doneWhen, title]) {
    if (isHiding(text)) problems.push(`${name} hides characters: ${JSON.stringify(text)}`)
  }
  return problems
}

/** Whether a text has a path as it stands, not as a part of a longer word. */
function isNamed(path: string, text: string): boolean {
  const plain = path.replaceAll(/[^\w/ -]/g, String.raw`\$&`)
  return new RegExp(String.raw`(?<![\w./-])(?:\./)?${plain}(?![\w/-]|\.\w)`).test(text)
}

function isHiding(text: string): boolean {
  return hasHiddenCharacters(text) || !text.isWellFormed()
}

/**
 * A unit is named by the one function that names units, from its own files and goal; none of its
 * files is a test, which its coder would have to leave alone.
 */
function unitProblems({ tasks, revision }: Plan, maxTasks: number): string[] {
  const taken = new Set<string>()
  return tasks
    .filter((task) => task.action === 'code')
    .flatMap((task) => {
      const { unit = '' } = task
      // Where few tasks are allowed units are merged, and the first's name stays; parts are named
      // after their unit.
      const right = maxTasks < 30 || revision > 1 || unitName(task, taken) === unit
      taken.add(unit)
      return [
        ...(right ? [] : [`the unit ${unit} is not named by rule`]),
        ...task.files.filter(isTestPath).map((file) => `the unit ${unit} has the test ${file}`),
      ]
    })
}

const { template, hubUrl } = parseConfig(
  'agents: { template: { image: guildhall-agent }, hubUrl: http://hub }\nforge: { url: http://forge }\nmodels: [{ name: m, endpoint: http://m }]',
).agents

/**
 * All that the cluster, the agents and the forge get to see of a plan, except for goals, criteria,
 * titles and files, with units called by their number: tasks as they are stored, assignments with
 * their branches, trailers of commits, and the Pods of the agents they need.
 */
export function whatIsMade(plan: Plan, made: PlannedFor): unknown {
  const units = unitsOf(plan).map((unit) => unit.name)
  const plain = (task: PlannedTask): PlannedTask => {
    const unit = task.unit === undefined ? {} : { unit: `unit-${units.indexOf(task.unit)}` }
    const name = taskName(made.name, task.action, unit.unit)
    return { ...task, ...unit, name }
  }
  const nameOf = new Map(plan.tasks.map((task) => [task.name, plain(task).name]))
  const owner = devRequest(
    made.name,
    { request: made.request },
    { repository: made.name, branch: git.resultBranch(made.name), model: 'm' },
  )
  return plan.tasks.map((task) => {
    const after = task.after.map((name) => nameOf.get(name) ?? name)
    const stored = agentTaskOf(owner, { ...plain(task), after }, {})
    const { type, model } = stored.spec
    const worker = agent(`${type}-1`)
    const unsaid = { goal: '', doneWhen: '', title: '', files: [] }
    const held = taskObject(stored.metadata.name, stored.spec, heldStatus('pod'))
    const facts = { tier: 'good', contextTokens: 8192, outputTokens: 2048 } as const
    const assigned = assignmentMessage(held, owner, [held], facts, 'http://forge')
    const origin = { agent: worker.metadata.name, model, verdict: 'Done' } as const
    const message = commitMessage(assigned.title, assigned.goal, assigned, origin)
    return {
      ...stored,
      spec: { ...stored.spec, ...unsaid },
      assigned: { ...assigned, ...unsaid },
      trailers: message.split('\n\n').at(-1),
      pod: agentPod({ ...worker, spec: { ...worker.spec, type, model } }, template, hubUrl),
    }
  })
}

/** The plan that harmless units of the same number and order would have given. */
export function harmlessTwin(plan: Plan, made: PlannedFor): Plan {
  const units = unitsOf(plan)
  const names = units.map((_, index) => `part${index}`)
  const twins = units.map(({ after = [] }, index) => ({
    name: names[index] ?? '',
    goal: 'add two numbers',
    doneWhen: 'one and one is two',
    files: [`src/part${index}.js`],
    after: after.map((other) => names[units.findIndex((unit) => unit.name === other)] ?? ''),
  }))
  const documents = plan.tasks.some((task) => task.action === 'document')
  const { tasks } = expand(twins, {
    request: made.name,
    documents: documents
      ? { title: 'Document the change', goal: 'Describe it.', files: ['README.md'] }
      : undefined,
    security: false,
    maxTasks: made.maxTasks,
  })
  return { ...plan, tasks }
}
