// npm run simulate -- --help
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileProblem } from '../../core/base/file-problem.ts'
import { UsageError, readArguments, runProgram } from '../../core/base/command-line.ts'
import {
  crashPointsOf,
  scenes,
  withCrash,
  deepest,
  everyStory,
  smallWorld,
} from './crash-points.ts'
import { runAll } from './crew.ts'
import { storyOf } from './generate.ts'
import { run } from './run.ts'
import { bugs } from './seeded-bugs/bugs.ts'
import { firstOf, Tally } from './tally.ts'
import { tellFailure } from './failed-stories.ts'
import type { Story } from './story.ts'

const usage = `usage: npm run simulate -- [MODE] [options]

Runs the whole operator, its agents, forge and model against a simulated API server, in virtual time and with faults, and
checks the promises I1 to I13 after every revision. The same arguments give the same runs.

modes
  (none)          stories made from seeds
  --crash-points  a crash before and after every side effect of every scene
  --exhaustive    the small world: every crash x every stale view, every deletion x every stale view
  --bugs          breaks the product on purpose, bug by bug; every one has to be found
  --story FILE    one story, as a failure printed it; tells everything that happens

options
  --seeds N       how many seeds (2000)          --seed S    the first seed (1)
  --seconds N     begin no further run after so many seconds, but for the first 100 runs
  --depths N      with --exhaustive: how many depths of stale views, of ${deepest} (${deepest})
  --bug NAME      only this bug, with --bugs; or break the product so in any other mode
  --jobs J        threads (${availableParallelism()})                   --json      print the figures as JSON
  --help`

async function main(): Promise<number> {
  const { values } = readArguments({
    options: {
      seeds: { type: 'string', default: '2000' },
      seed: { type: 'string', default: '1' },
      seconds: { type: 'string' },
      jobs: { type: 'string', default: String(availableParallelism()) },
      story: { type: 'string' },
      bug: { type: 'string' },
      'crash-points': { type: 'boolean', default: false },
      exhaustive: { type: 'boolean', default: false },
      depths: { type: 'string', default: String(deepest) },
      bugs: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    console.log(usage)
    return 0
  }
  const seeds = wholeNumber('--seeds', values.seeds)
  const first = wholeNumber('--seed', values.seed)
  const endsAt =
    values.seconds === undefined
      ? Infinity
      : Date.now() + wholeNumber('--seconds', values.seconds) * 1_000
  const jobs = Math.max(1, wholeNumber('--jobs', values.jobs))
  const depths = Math.min(deepest, Math.max(1, wholeNumber('--depths', values.depths)))
  if (values.bug !== undefined && !bugs.some(({ name }) => name === values.bug))
    throw new UsageError(
      `--bug ${values.bug}: there is none of that name; known: ${bugs.map(({ name }) => name).join(', ')}`,
    )
  const modes = (['crash-points', 'exhaustive', 'bugs', 'story'] as const).filter(
    (mode) => values[mode] !== undefined && values[mode] !== false,
  )
  if (modes.length > 1)
    throw new UsageError(`give only one of ${modes.map((mode) => `--${mode}`).join(' and ')}`)
  if (values.story !== undefined) return tellStory(values.story)
  if (values.bugs) {
    const { huntBugs } = await import('./seeded-bugs/hunt.ts')
    return huntBugs({ only: values.bug, seeds, jobs, json: values.json })
  }
  const mode = values['crash-points'] ? 'crash points' : values.exhaustive ? 'exhaustive' : 'seeds'
  const tally = new Tally()
  const stories =
    mode === 'crash points'
      ? await crashStories(tally)
      : mode === 'exhaustive'
        ? everyStory(await run(smallWorld), depths)
        : seedStories(first, seeds)
  let [failed, runs, toldAt, stopped] = [0, 0, Date.now(), false]
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      console.error('stopping; once more ends it without figures')
      stopped = true
    })
  await runAll(stories, { jobs, bug: values.bug }, (told) => {
    tally.add(told)
    runs += 1
    if (Date.now() - toldAt >= progressMs) {
      toldAt = Date.now()
      console.error(`${runs} runs done, ${failed} broke a promise`)
    }
    if (told.violations.length > 0) {
      failed += 1
      console.error(`seed ${told.story.seed}: ${firstOf(told).invariant}: ${firstOf(told).message}`)
    }
    return !stopped && failed < 5 && (Date.now() < endsAt || runs < fewestRuns)
  })
  console.log(values.json ? JSON.stringify(tally.figures(mode), undefined, 2) : tally.table(mode))
  for (const told of values.json ? [] : tally.failures.slice(0, 1))
    await tellFailure(told, values.bug)
  return failed === 0 && tally.isComplete ? 0 : 1
}

/** Fewer do not show every kind of fault, so a slow machine runs these even when its time is over. */
const fewestRuns = 100

/** How often a long run says how far it is, on stderr. */
const progressMs = 60_000

function* seedStories(first: number, count: number): Generator<Story> {
  for (let seed = first; seed < first + count; seed += 1) yield storyOf(seed)
}

/** Runs each scene once, to see its side effects, and gives one story for each place to crash. */
async function crashStories(tally: Tally): Promise<readonly Story[]> {
  const stories: Story[] = []
  for (const [name, scene] of Object.entries(scenes)) {
    const report = await run(scene)
    tally.addScene(name, report)
    for (const point of crashPointsOf(report)) stories.push(withCrash(scene, point))
  }
  return stories
}

async function tellStory(file: string): Promise<number> {
  if (!existsSync(file)) throw new UsageError(`--story ${file}: there is no such file`)
  const story = storyIn(file)
  const { violations } = await run(story, { tell: (line) => console.log(line) })
  for (const { invariant, atMs, message } of violations)
    console.log(`${(atMs / 1000).toFixed(3)} ${invariant} BROKEN: ${message}`)
  console.log(violations.length === 0 ? 'every promise held' : `${violations.length} broken`)
  return violations.length === 0 ? 0 : 1
}

/** A story as a failure printed it. Errors: `UsageError` for a file that is something else. */
function storyIn(file: string): Story {
  try {
    const story: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof story === 'object' && story !== null && 'seed' in story) return story as Story
  } catch (error) {
    throw new UsageError(`--story ${file} is no JSON: ${fileProblem(error)}`, { cause: error })
  }
  throw new UsageError(`--story ${file} holds no story: a failure prints one as JSON`)
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 0)
    throw new UsageError(`${name} ${text}: a whole number is needed`)
  return number
}

await runProgram(usage, main)
