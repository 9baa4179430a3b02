import { crashPointsOf, scenes, withCrash } from '../crash-points.ts'
import { runAll } from '../crew.ts'
import { storyOf } from '../generate.ts'
import { keptStories } from '../failed-stories.ts'
import { run } from '../run.ts'
import type { Story } from '../story.ts'
import { firstOf } from '../tally.ts'
import type { Told } from '../worker.ts'
import { bugs, type SeededBug } from './bugs.ts'

/** The result of the hunt for one bug. */
interface Catch {
  readonly bug: string
  /** The promise that showed it; undefined when it got away. */
  readonly invariant: string | undefined
  readonly message: string
  readonly runs: number
}

/**
 * Breaks the product bug by bug and looks for each with scenes, kept stories, crash points and
 * seeds. The exit code is 1 if one got away.
 */
export async function huntBugs(options: {
  readonly only: string | undefined
  readonly seeds: number
  readonly jobs: number
  readonly json: boolean
}): Promise<number> {
  const wanted = bugs.filter(({ name }) => options.only === undefined || name === options.only)
  const crashes: Story[] = []
  for (const scene of Object.values(scenes))
    for (const point of crashPointsOf(await run(scene))) crashes.push(withCrash(scene, point))
  const catches: Catch[] = []
  for (const bug of wanted) {
    const caught = await hunt(bug, options, crashes)
    catches.push(caught)
    if (!options.json)
      console.log(
        `${caught.invariant === undefined ? 'NOT FOUND' : caught.invariant.padEnd(9)} ${bug.name.padEnd(34)} ${caught.runs} runs  ${caught.message}`,
      )
  }
  const away = catches.filter(({ invariant }) => invariant === undefined)
  if (options.json) console.log(JSON.stringify(catches, undefined, 2))
  else console.log(`${catches.length - away.length} of ${catches.length} seeded bugs found`)
  return away.length === 0 ? 0 : 1
}

async function hunt(
  bug: SeededBug,
  { seeds, jobs }: { readonly seeds: number; readonly jobs: number },
  crashes: readonly Story[],
): Promise<Catch> {
  let found: Told | undefined
  let runs = 0
  await runAll(stories(seeds, crashes), { jobs, bug: bug.name }, (told) => {
    runs += 1
    if (told.violations.length > 0) found ??= told
    return found === undefined
  })
  const first = found === undefined ? undefined : firstOf(found)
  return {
    bug: bug.name,
    invariant: first?.invariant,
    message: first?.message.split('\n')[0] ?? bug.story,
    runs,
  }
}

/**
 * Scenes as they are and kept stories first, then seeds and crash points in turn, so many of each:
 * most bugs show early.
 */
function* stories(count: number, crashes: readonly Story[]): Generator<Story> {
  yield* Object.values(scenes)
  yield* Object.values(keptStories())
  // Spread over all scenes, not the first ones only.
  const step = Math.max(1, crashes.length / Math.max(1, count))
  for (let index = 0; index < count; index += 1) {
    yield storyOf(index + 1)
    const crash = crashes[Math.floor(index * step)]
    if (crash !== undefined) yield crash
  }
}
