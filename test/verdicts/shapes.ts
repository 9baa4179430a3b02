// Shapes of repositories from test/fixtures/repositories/*.yaml, each with the right answers of a
// model.
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { type Entries, entry } from './entries.ts'
import { fenced, type Step, type Story } from './chain.ts'

const folder = join(import.meta.dirname, '../fixtures/repositories')

/** The request, the answers of the model, and the wanted outcome. */
const request = z.strictObject({
  /** The files of the unit. */
  files: z.array(z.string()).default(['src/slug.js']),
  unit: z.string().default('slug'),
  /** How the first file is written; by its name where it is not said. */
  kind: z.enum(['esm', 'cjs', 'ts', 'python']).optional(),
  /**
   * The line of the spec that imports `slugify`; `../src/slug.js`, or the module of the first file,
   * when it is not said.
   */
  import: z.string().optional(),
  /** The whole spec. */
  spec: z.string().optional(),
  /** The text of each file; `slugify`, after what the file holds, when it is not said. */
  code: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
  /** The verdict at the end. */
  wanted: z.enum(['Done', 'Unchecked', 'Refused', 'NothingChanged']),
  /** Words of the message of the task `branch`. */
  branch: z.array(z.string()).default([]),
  /** Tests that `branch` says to fail before the change, and no others. */
  fails: z.array(z.string()).default([]),
  /** Words that stand in what any of the tasks says. */
  says: z.array(z.string()).default([]),
  /**
   * Tests of the person's own that pass before the change; at least one where the repository has
   * tests, when not said.
   */
  passes: z.int().optional(),
})
export type Request = z.infer<typeof request>

const shape = z.strictObject({
  name: z.string(),
  ...request.shape,
  entries: z.record(z.string(), entry),
  /** Entries with `{n}` in their path and text, made so many times. */
  many: z.array(z.strictObject({ count: z.int(), path: z.string(), text: z.string() })).default([]),
  /** A request on what came of the first. */
  next: request.optional(),
  steps: z.array(z.enum(['branch', 'spec', 'code', 'verify', 'finish'])).optional(),
})
export type Shape = z.infer<typeof shape>

/** All shapes, with the name of their family in front of their own. */
export function readShapes(): readonly Shape[] {
  return globSync('*.yaml', { cwd: folder })
    .toSorted()
    .flatMap((file) =>
      z
        .array(shape)
        .parse(parse(readFileSync(join(folder, file), 'utf8'), { merge: true }))
        .map((one) => ({ ...one, name: `${basename(file, '.yaml')}: ${one.name}` })),
    )
}

/** What the repository holds in the beginning. */
export function entriesOf({ entries, many }: Shape): Entries {
  const made = many.flatMap(({ count, path, text }) =>
    Array.from({ length: count }, (_, index): [string, string] => [
      path.replaceAll('{n}', String(index)),
      text.replaceAll('{n}', String(index)),
    ]),
  )
  return { ...entries, ...Object.fromEntries(made) }
}

/** The story of a request on a repository that holds `entries`. */
export function storyOf(asked: Request, entries: Entries, steps?: readonly Step[]): Story {
  const { files, unit } = asked
  return {
    entries,
    files,
    unit,
    answers: {
      spec: [`\`\`\`${isPython(asked) ? 'python' : 'js'}\n${specOf(asked)}\`\`\`\n`],
      code: files.map((path) => fenced({ [path]: codeOf(asked, path, entries) })),
    },
    steps: steps ?? ['branch', 'spec', 'code', 'verify'],
  }
}

function isPython({ files, kind }: Request): boolean {
  return kind === 'python' || files[0]?.endsWith('.py') === true
}

function specOf(asked: Request): string {
  const first = asked.files[0] ?? ''
  if (asked.spec !== undefined) return asked.spec
  if (isPython(asked)) {
    const module = first.replace(/\.py$/, '').replaceAll('/', '.')
    return `import unittest
${asked.import ?? `from ${module} import slugify`}


class SlugTest(unittest.TestCase):
    def test_joins_the_words(self):
        self.assertEqual(slugify('Hello World'), 'hello-world')

    def test_drops_blanks_around(self):
        self.assertEqual(slugify('  Hello World  '), 'hello-world')
`
  }
  return `import { test } from 'node:test'
import assert from 'node:assert/strict'
${asked.import ?? `import { slugify } from '../${first}'`}

test('joins the words', () => {
  assert.equal(slugify('Hello World'), 'hello-world')
})

test('drops blanks around', () => {
  assert.equal(slugify('  Hello World  '), 'hello-world')
})
`
}

const work = "text.trim().toLowerCase().replaceAll(' ', '-')"
const texts = {
  esm: `export function slugify(text) {\n  return ${work}\n}\n`,
  ts: `export function slugify(text: string): string {\n  return ${work}\n}\n`,
  cjs: `function slugify(text) {\n  return ${work}\n}\n\nmodule.exports.slugify = slugify\n`,
  python: `def slugify(text):\n    return text.strip().lower().replace(' ', '-')\n`,
} as const

function codeOf({ code, kind }: Request, path: string, entries: Entries): string {
  if (typeof code === 'string') return code
  const own = code?.[path]
  if (own !== undefined) return own
  const before = entries[path] ?? ''
  const known = typeof before === 'string' ? before : (before.text ?? '')
  const added = texts[kind ?? kindOf(path)]
  if (known === '') return added
  return `${known}${known.endsWith('\n') ? '' : '\n'}\n${added}`
}

function kindOf(path: string): keyof typeof texts {
  if (path.endsWith('.py')) return 'python'
  if (/\.[cm]?ts$/.test(path)) return 'ts'
  return path.endsWith('.cjs') ? 'cjs' : 'esm'
}
