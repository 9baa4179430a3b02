// The list of faults names real tests and real faults. Whether a test tries its fault is for people
// to judge.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const rows = read('docs/reference/faults.md')
  .split('\n')
  .filter((line) => /^\| \d+ \|/.test(line))
const scenes = 'test/simulation/crash-points.ts'

/** Files, **faults**, seeded bugs and *sentences* of a row, one of them each time. */
const named =
  /`(?<file>[\w./-]+\.(?:ts|yaml))`|\*\*(?<fault>[\w-]+)\*\*|seeded bug `(?<bug>[\w-]+)`|\*(?<sentence>[^*]+)\*/g

test('all 50 cases are listed once, in order', () => {
  expect(rows.map((row) => Number(/\d+/.exec(row)?.[0]))).toEqual(
    Array.from({ length: 50 }, (_, index) => index + 1),
  )
})

test.each(rows)('what this row names is there: %s', (row) => {
  const story = read('test/simulation/story.ts')
  const bugs = ['agent', 'kernel', 'task'].map((of) => `test/simulation/seeded-bugs/${of}-bugs.ts`)
  // Sentences before the first file are names of scenes.
  let current = scenes
  for (const { groups = {} } of row.matchAll(named)) {
    const { file, fault, bug, sentence } = groups
    if (file !== undefined) current = file
    if (fault !== undefined) expect(story).toContain(`kind: '${fault}'`)
    if (bug !== undefined) expect(bugs.map(read).join('\n')).toContain(`name: '${bug}'`)
    if (sentence !== undefined) expect(read(current), current).toContain(sentence)
  }
})
