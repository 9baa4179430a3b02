import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { run, type RunReport } from './run.ts'
import type { Fault, RequestPlan, Story } from './story.ts'
import { firstOf } from './tally.ts'
import type { Told } from './worker.ts'

/**
 * Shrinks a story that failed, keeps it as a file, and says how to see it again. With a bug nothing
 * is kept.
 */
export async function tellFailure(told: Told, bug: string | undefined): Promise<void> {
  const { invariant, message } = firstOf(told)
  console.log(`\nseed ${told.story.seed}: ${invariant}: ${message}`)
  if (bug !== undefined || told.error !== undefined) {
    console.log(JSON.stringify(told.story))
    return
  }
  console.log('looking for a shorter story …')
  const { story, runs } = await shrink(told.story, await run(told.story))
  const file = keepStory(story, invariant)
  console.log(`shortest of ${runs} tried:\n${JSON.stringify(story, undefined, 2)}\n`)
  console.log(`to see it again: npm run simulate -- --story ${relative(process.cwd(), file)}`)
}

const directory = join(import.meta.dirname, 'stories')

/** Stories that broke a promise once, by the names of their files. Every test run repeats them. */
export function keptStories(): Readonly<Record<string, Story>> {
  const read = (file: string) => JSON.parse(readFileSync(join(directory, file), 'utf8')) as Story
  return Object.fromEntries(readdirSync(directory).map((file) => [file, read(file)]))
}

/** Keeps a story; gives the path of its file. */
function keepStory(story: Story, invariant: string): string {
  const text = `${JSON.stringify(story, undefined, 2)}\n`
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 8)
  const file = join(directory, `${invariant.toLowerCase()}-${hash}.json`)
  writeFileSync(file, text)
  return file
}

/** Stories that are simpler than this one, the simplest first. */
function* simpler(story: Story): Generator<Story> {
  const { faults, requests } = story
  for (let size = faults.length >> 1; size >= 1; size >>= 1)
    for (let start = 0; start < faults.length; start += size)
      yield { ...story, faults: faults.toSpliced(start, size) }
  if (requests.length > 1)
    for (let index = 0; index < requests.length; index += 1)
      yield { ...story, requests: requests.toSpliced(index, 1) }
  if (story.replicas === 2) yield { ...story, replicas: 1 }
  for (const [index, request] of requests.entries())
    for (const smaller of simplerRequests(request))
      yield { ...story, requests: requests.with(index, smaller) }
  for (const [index, fault] of faults.entries())
    for (const smaller of simplerFaults(fault))
      yield { ...story, faults: faults.with(index, smaller) }
}

function* simplerRequests(request: RequestPlan): Generator<RequestPlan> {
  const { plan, ttlSeconds, ...rest } = request
  if (ttlSeconds !== undefined) yield { ...rest, plan }
  if (typeof plan === 'string') return
  if (plan.length > 1)
    for (const [index, gone] of plan.entries())
      yield {
        ...request,
        plan: plan
          .toSpliced(index, 1)
          .map((task) => ({ ...task, after: task.after.filter((name) => name !== gone.name) })),
      }
  for (const [index, task] of plan.entries()) {
    if (task.failures > 0) yield { ...request, plan: plan.with(index, { ...task, failures: 0 }) }
    if (task.conflicts > 0) yield { ...request, plan: plan.with(index, { ...task, conflicts: 0 }) }
    if (task.commits) yield { ...request, plan: plan.with(index, { ...task, commits: false }) }
  }
}

function* simplerFaults(fault: Fault): Generator<Fault> {
  if ('forMs' in fault && fault.forMs > 1_000)
    yield { ...fault, forMs: Math.floor(fault.forMs / 2) }
  if ('share' in fault && fault.share < 1) yield { ...fault, share: 1 }
}

/**
 * The simplest story found that still breaks the same promise, and the report on it.
 * Greedy: takes the first simplification that still fails, until none does or `budget` runs are
 * used up.
 */
async function shrink(
  story: Story,
  report: RunReport,
  budget = 300,
): Promise<{ readonly story: Story; readonly report: RunReport; readonly runs: number }> {
  const want = report.violations[0]?.invariant
  let best = { story, report }
  let runs = 0
  for (let again = true; again; ) {
    again = false
    for (const candidate of simpler(best.story)) {
      if (runs >= budget) return { ...best, runs }
      runs += 1
      const found = await run(candidate)
      if (found.violations[0]?.invariant !== want) continue
      best = { story: candidate, report: found }
      again = true
      break
    }
  }
  return { ...best, runs }
}
