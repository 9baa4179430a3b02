import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Plan, Unit } from '../api/devrequest.ts'
import { planProblems } from './check-plan.ts'
import { expand, planHash, teamOf, waves } from './tasks.ts'
import { revisePlan } from './replan.ts'

const limits = { maxTasks: 30, maxParallel: 10 }

const unit = (name: string, after: readonly string[] = []): Unit => ({
  name,
  goal: `makes ${name}`,
  files: [`src/${name}.js`],
  doneWhen: `${name}() works`,
  after: [...after],
})

function planOf(units: readonly Unit[]): Plan {
  const { tasks } = expand(units, {
    request: 'shop',
    documents: { title: 'Document the change', goal: 'Say it.', files: ['README.md'] },
    security: false,
    maxTasks: limits.maxTasks,
  })
  return {
    hash: planHash(tasks),
    revision: 1,
    source: 'model',
    waves: waves(tasks),
    team: teamOf(tasks, limits.maxParallel),
    tasks,
    warnings: [],
    attempts: 1,
  }
}

const revised = (
  plan: Plan,
  failed: string,
  parts: readonly Unit[],
  succeeded: readonly string[],
) =>
  revisePlan({
    plan,
    request: 'shop',
    text: 'Make a shop.',
    failed,
    parts,
    succeeded: new Set(succeeded),
    limits,
  })

/** `name <- what it waits for`, without the request's name. */
const edges = ({ tasks }: Plan): string[] =>
  tasks.map(({ name, after }) => `${name} <- ${after.join(' ')}`.replaceAll('shop-', '').trimEnd())

test('the failed unit comes back in parts, with what waited for it; what succeeded stays', () => {
  const plan = planOf([unit('cart'), unit('price'), unit('pay', ['price'])])
  const done = ['branch', 'spec-cart', 'code-cart', 'verify-cart', 'spec-price', 'spec-pay']
  const succeeded = done.map((name) => `shop-${name}`)
  const next = revised(plan, 'price', [unit('net'), unit('tax')], succeeded)
  expect(next.revision).toBe(2)
  expect(edges(next)).toEqual([
    'branch <-',
    'spec-cart <- branch',
    'code-cart <- spec-cart',
    'verify-cart <- code-cart',
    'spec-price <- branch',
    'spec-pay <- branch',
    'spec-price-2 <- branch',
    'code-price-2 <- spec-price-2',
    'verify-price-2 <- code-price-2',
    'spec-price-3 <- branch',
    'code-price-3 <- spec-price-3 verify-price-2',
    'verify-price-3 <- code-price-3',
    'spec-pay-2 <- branch',
    'code-pay-2 <- spec-pay-2 verify-price-3',
    'verify-pay-2 <- code-pay-2',
    'review-again <- verify-cart verify-price-2 verify-price-3 verify-pay-2',
    'document-again <- review-again',
    'finish-again <- document-again',
  ])
  expect(next.replaced).toEqual(
    ['code-price', 'verify-price', 'code-pay', 'verify-pay', 'review', 'document', 'finish'].map(
      (name) => `shop-${name}`,
    ),
  )
  expect(planProblems(next, limits)).toEqual([])
})

test('whatever failed and whatever succeeded, the revision can be carried out and names nothing twice', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { maxLength: 4 }),
      fc.nat(3),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 0, max: 2 ** 16 }),
      fc.integer({ min: 8, max: 40 }),
      (count, pairs, failedAt, parts, bits, maxTasks) => {
        const units = Array.from({ length: count }, (_, index) =>
          unit(
            `u${index}`,
            pairs
              .filter(([to, from]) => to === index && from < index)
              .map(([, from]) => `u${from}`),
          ),
        )
        const plan = planOf(units)
        const failed = `u${failedAt % count}`
        // A task may have succeeded only if all it waits for did.
        const done = new Set<string>()
        for (const [index, task] of plan.tasks.entries())
          if (
            task.name !== `shop-code-${failed}` &&
            ((bits >> (index % 16)) & 1) === 1 &&
            task.after.every((name) => done.has(name))
          )
            done.add(task.name)
        const bounded = { ...limits, maxTasks: Math.max(maxTasks, plan.tasks.length) }
        const next = revisePlan({
          plan,
          request: 'shop',
          text: '',
          failed,
          parts: Array.from({ length: parts }, (_, index) => unit(`part${index}`)),
          succeeded: done,
          limits: bounded,
        })
        expect(planProblems(next, bounded)).toEqual([])
        const before = new Set(plan.tasks.map(({ name }) => name))
        for (const { name } of next.tasks) expect(before.has(name)).toBe(done.has(name))
      },
    ),
  )
})
