import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Story } from './story.ts'

const directory = join(import.meta.dirname, 'stories')

/** Stories that broke a promise once, by the names of their files. They are run for ever after. */
export function keptStories(): Readonly<Record<string, Story>> {
  const read = (file: string) => JSON.parse(readFileSync(join(directory, file), 'utf8')) as Story
  return Object.fromEntries(readdirSync(directory).map((file) => [file, read(file)]))
}

/** Keeps a story; gives the path of its file. */
export function keepStory(story: Story, invariant: string): string {
  const text = `${JSON.stringify(story, undefined, 2)}\n`
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 8)
  const file = join(directory, `${invariant.toLowerCase()}-${hash}.json`)
  writeFileSync(file, text)
  return file
}
