import { relative } from 'node:path'
import { keepStory } from './kept-stories.ts'
import { run } from './run.ts'
import { shrink } from './shrink.ts'
import { firstOf } from './tally.ts'
import type { Told } from './worker.ts'

/** Shrinks a story that failed, keeps it as a file, and says how to see it again. With a bug nothing is kept. */
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
