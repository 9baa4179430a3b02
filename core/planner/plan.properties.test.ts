// Whatever a model says, the plan holds the rules of test/model-output/plan-case.ts, and is the same every time.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { answersOf, readCorpus } from '../../test/model-output/corpus.ts'
import { brokenRules, harmlessTwin, whatIsMade } from '../../test/model-output/plan-case.ts'
import type { PlannedTask, Unit } from '../api/devrequest.ts'
import { answerOf } from '../models/answers/answer.ts'
import { ModelError } from '../models/errors.ts'
import { createWatchdog } from '../models/answers/watchdog.ts'
import { expand, planHash, teamOf, waves } from './tasks.ts'
import type { RepositoryFacts } from './facts.ts'
import { safePath } from './paths.ts'
import { makePlan, type PlanInput } from './plan.ts'
import { replan } from './replan.ts'

/** How an answer ends: as it should, cut, or because the model cannot be asked. */
interface Said {
  readonly text: string
  readonly ends: 'stop' | 'length' | 'too long a prompt'
}

/**
 * Answers the nth question with the nth text, read by the watchdog and the extraction that all
 * answers go through.
 */
function speaking(said: readonly Said[]): PlanInput['call'] {
  let asked = 0
  return async (question) => {
    const { text, ends } = said[Math.min(asked++, said.length - 1)] ?? { text: '', ends: 'stop' }
    if (ends === 'too long a prompt') throw new ModelError('ContextTooSmall', 'it does not fit')
    const runaway = createWatchdog().push(text)
    if (runaway !== undefined) throw new ModelError('OutputUnusable', runaway, { text })
    const read = answerOf(question, { text, cut: ends === 'length' }, question.maxTokens)
    return {
      kind: 'result',
      model: 'm',
      text,
      inputTokens: 1,
      outputTokens: 1,
      trace: 't',
      ...read,
    }
  }
}

const corpus = readCorpus()
  .flatMap((file) => file.cases.flatMap((one) => answersOf(one)))
  .filter((text) => text.length < 5_000)
const paths = [
  'src/slug.js',
  'src',
  'src/',
  '../../etc/passwd',
  '.git/hooks/x',
  '.GIT/x',
  '/a//b.js',
  'README.md',
  'test/a.test.js',
  'test-a.js',
  'slug-test.js',
  'node_modules/a.js',
  '-rf.js',
  'C:\\x.js',
  'src\\wrap.js',
  '.github/workflows/ci.yml',
  '.env',
  'package.json/a.js',
  'index.js',
  'slug',
  'text.slug',
  'src/zq-lamp.js',
  'a b',
  'src/a.js/b.js',
  'src/a.js.',
] as const
const path = fc.oneof(
  fc.constantFrom(...paths),
  fc.stringMatching(/^[-./\\ a-zA-Z0-9_@+~$]{1,40}$/),
  fc.string({ unit: 'binary', maxLength: 40 }),
)
const words = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.constantFrom('as in .env and .github/workflows/ci.yml', 'process.env.PORT of .env.js'),
  fc.constantFrom('', ' ', 'slugify', 'zqLampHours', '\u202E', '\u0000', '\uD800', 'image: evil/x'),
  fc.string({ minLength: 1_900, maxLength: 4_200 }),
  path,
)
/** Follows the schema, apart from its bounds. */
const followed = fc.record({
  a_units: fc.array(
    fc.record({
      a_goal: words,
      b_files: fc.array(path, { maxLength: 4 }),
      c_done_when: words,
      d_after: fc.integer({ min: -1, max: 4 }),
    }),
    { maxLength: 5 },
  ),
  b_docs: fc.boolean(),
  c_deploy: fc.boolean(),
})
/** Parts of which some would have a hidden file. */
const hiding = fc
  .array(fc.constantFrom('.env', '.github/workflows/ci.yml', 'src/one.js', 'src/two.js'), {
    minLength: 2,
    maxLength: 4,
  })
  .map((files): Said => {
    const unit = (file: string, at: number) => ({
      a_goal: `makes ${['one', 'another', 'a third', 'the last'][at] ?? ''}`,
      b_files: [file],
      c_done_when: `number ${at} is there`,
      d_after: 0,
    })
    const value = { a_units: files.map(unit), b_docs: false, c_deploy: false }
    return { text: JSON.stringify(value), ends: 'stop' }
  })
const whole = fc.oneof(
  followed.map((value) => JSON.stringify(value)),
  fc.constantFrom(...corpus),
)
/** An answer with a part lost, doubled, or written over. */
const spoilt = fc
  .tuple(whole, fc.nat(), fc.nat({ max: 30 }), fc.string({ maxLength: 8 }), fc.boolean())
  .map(([text, place, length, other, doubled]) => {
    const at = place % (text.length + 1)
    const part = doubled ? text.slice(at, at + length).repeat(2) : other
    return text.slice(0, at) + part + text.slice(at + length)
  })
const said: fc.Arbitrary<Said> = fc.record({
  text: fc.oneof(
    { weight: 4, arbitrary: followed.map((value) => JSON.stringify(value)) },
    { weight: 3, arbitrary: spoilt },
    { weight: 1, arbitrary: whole },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 300 }) },
  ),
  ends: fc.oneof(
    { weight: 12, arbitrary: fc.constant('stop' as const) },
    { weight: 1, arbitrary: fc.constantFrom('length' as const, 'too long a prompt' as const) },
  ),
})
const name = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,70}[a-z0-9])?$/)
const request = fc
  .oneof(
    fc.constantFrom(
      'Write slugify in src/slug.js and wrap(text, width) in src/wrap.js. Describe both in the README.',
      'Write word_count in text/count.py; "a b" gives 2.',
      'Write .github/workflows/ci.yml and deploy it.',
    ),
    words,
  )
  .filter((text) => text.trim() !== '')
const repository = fc
  .array(fc.oneof(path, fc.constantFrom('package.json', 'src/old.js', 'src/a.ts', '.ci/x.js')), {
    maxLength: 6,
  })
  .map((paths) =>
    [...new Set(paths.map((one) => safePath(one)))].filter((one) => one !== undefined),
  )

function factsOf(files: readonly string[], language: RepositoryFacts['language']): RepositoryFacts {
  const unknown = { manifest: '', readme: '', symbols: [], languageAssumed: false }
  return { files, truncated: false, language, ...unknown }
}

test('a plan holds its rules and comes out the same, whatever a model says', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(said, { minLength: 1, maxLength: 4 }),
      fc.record({
        name,
        request,
        maxTasks: fc.oneof(fc.constant(30), fc.integer({ min: 1, max: 50 })),
      }),
      repository,
      fc.constantFrom('node' as const, 'python' as const),
      fc.constantFrom('good' as const, 'good' as const, 'good' as const, 'weak' as const),
      async (answers, made, files, language, tier) => {
        const limits = { maxParallel: 10, taskTimeoutSeconds: 1800, maxAttempts: 3 }
        const plan = async () =>
          (
            await makePlan(
              {
                request: made.name,
                spec: {
                  request: made.request,
                  priority: 'normal',
                  limits: { ...limits, maxTasks: made.maxTasks },
                },
                profile: { name: 'm', tier },
                facts: factsOf(files, language),
                call: speaking(answers),
              },
              {},
            )
          ).plan
        const first = await plan()
        expect(brokenRules(first, made)).toEqual([])
        // With few tasks allowed, what is left out depends on how many units there were.
        if (made.maxTasks >= 30) {
          expect(whatIsMade(first, made)).toEqual(whatIsMade(harmlessTwin(first, made), made))
        }
        expect(await plan()).toEqual(first)
      },
    ),
    { numRuns: 300 },
  )
}, 30_000)

test('a revision holds the rules, too, whatever a model said before and says then', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(said, { minLength: 1, maxLength: 4 }),
      fc.oneof(said, hiding),
      fc.record({ name, request, maxTasks: fc.constantFrom(12, 30) }),
      repository,
      fc.nat(),
      fc.boolean(),
      async (answers, last, made, files, which, verified) => {
        const limits = { maxParallel: 10, taskTimeoutSeconds: 1800, maxAttempts: 3 }
        const input = {
          request: made.name,
          spec: {
            request: made.request,
            priority: 'normal' as const,
            limits: { ...limits, maxTasks: made.maxTasks },
          },
          profile: { name: 'm', tier: 'good' as const },
          facts: factsOf(files, 'node'),
        }
        const { plan } = await makePlan({ ...input, call: speaking(answers) }, {})
        const code = plan.tasks.filter((task) => task.action === 'code')
        const failed = code[which % code.length]
        if (failed?.unit === undefined) throw new Error('a plan has code')
        const done: PlannedTask[] = []
        for (const task of plan.waves
          .flat()
          .map((one) => plan.tasks.find(({ name }) => name === one)))
          if (
            task !== undefined &&
            (task.action === 'branch' || (verified && task.unit !== undefined)) &&
            task.unit !== failed.unit &&
            task.after.every((other) => done.some((one) => one.name === other))
          )
            done.push(task)
        const next = await replan(
          {
            ...input,
            call: speaking([last]),
            plan,
            failed: { ...failed, name: failed.unit, evidence: [] },
            succeeded: new Set(done.map((task) => task.name)),
          },
          {},
        )
        expect(brokenRules(next.plan, made)).toEqual([])
        expect(next.plan.tasks).toEqual(expect.arrayContaining(done))
      },
    ),
    { numRuns: 500 },
  )
}, 30_000)

const unit: fc.Arbitrary<Omit<Unit, 'name'>> = fc.record({
  goal: fc.string({ minLength: 1, maxLength: 2000 }),
  doneWhen: fc.string({ minLength: 1, maxLength: 2000 }),
  files: fc.uniqueArray(fc.constantFrom('a.js', 'src/b.js', 'c/d/e.py', 'index.js', 'x y.txt'), {
    minLength: 1,
  }),
  after: fc.array(fc.constantFrom('u0', 'u1', 'u2', 'u5', 'u7', 'none'), { maxLength: 4 }),
})

test('units of any number and order become tasks that can be carried out, in any number', () => {
  fc.assert(
    fc.property(
      fc.array(unit, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 50 }),
      fc.option(
        fc.constant({ title: 'Document the change', goal: 'Describe it.', files: ['README.md'] }),
        { nil: undefined },
      ),
      name,
      (units, maxTasks, documents, requestName) => {
        const named = units.map((one, index) => ({ ...one, name: `u${index}` }))
        const { tasks, warnings } = expand(named, {
          request: requestName,
          documents,
          security: false,
          maxTasks,
        })
        const plan = {
          hash: planHash(tasks),
          revision: 1,
          source: 'person' as const,
          waves: waves(tasks),
          team: teamOf(tasks, 10),
          tasks,
          warnings,
          attempts: 0,
        }
        const made = { name: requestName, request: '', maxTasks }
        expect(brokenRules(plan, made)).toEqual([])
        // Whatever is left out, the code of every unit is written.
        const written = tasks.filter((task) => task.action === 'code').flatMap((task) => task.files)
        expect(new Set(written)).toEqual(new Set(units.flatMap((one) => one.files)))
      },
    ),
    { numRuns: 300 },
  )
})

test('a safe path stays as it is', () => {
  fc.assert(
    fc.property(path, (raw) => {
      const safe = safePath(raw)
      if (safe !== undefined) expect(safePath(safe)).toBe(safe)
    }),
    { numRuns: 1000 },
  )
})
