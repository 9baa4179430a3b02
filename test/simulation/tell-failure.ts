import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { run } from './run.ts'
import { shrink } from './shrink.ts'
import { firstOf } from './tally.ts'
import type { Told } from './worker.ts'

/** Stories that failed once. They are run for ever after. */
export const storiesDirectory = join(import.meta.dirname, 'stories')

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
  const text = `${JSON.stringify(story, undefined, 2)}\n`
  const name = `${invariant.toLowerCase()}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}.json`
  mkdirSync(storiesDirectory, { recursive: true })
  const file = join(storiesDirectory, name)
  writeFileSync(file, text)
  console.log(`shortest of ${runs} tried:\n${text}`)
  console.log(`to see it again: npm run simulate -- --story ${relative(process.cwd(), file)}`)
}
