// Reads test/fixtures/model-output: bad answers of small models, each with the one outcome wanted.
// Format: its README.md.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'

const folder = join(import.meta.dirname, '../fixtures/model-output')

const repeated = z.strictObject({ repeat: z.string(), times: z.int() })
/**
 * Text as it is, a part said many times over (`{n}` counts), an object that is sent as JSON, or
 * several of these.
 */
const answer = z.union([
  z.string(),
  repeated,
  z.record(z.string(), z.unknown()),
  z.array(z.union([z.string(), repeated])),
])
type WrittenAnswer = z.infer<typeof answer>

/**
 * How the stream of the answer ends: properly, cut at the longest length, without a word, or with
 * an error.
 */
const ending = z.enum(['stop', 'length', 'nothing', 'error'])

const common = {
  name: z.string(),
  /** To the first question of its kind; the last answer repeats. */
  answer: answer.optional(),
  answers: z.array(answer).optional(),
  ends: ending.default('stop'),
  /** What the answer is about, where it is not the folder's example. */
  request: z.string().optional(),
  /** The repository as it is: paths, or paths with text. */
  files: z.union([z.array(z.string()), z.record(z.string(), z.string())]).optional(),
}

const planCase = z.strictObject({
  ...common,
  notes: answer.default('two functions'),
  maxTasks: z.int().default(30),
  want: z.strictObject({
    source: z.enum(['model', 'template']),
    /** Files of the units, in order. */
    units: z.array(z.array(z.string())),
    /** For each unit, which earlier ones it waits for, counted from 0. */
    after: z.array(z.array(z.int())).optional(),
    /** Part of the problem with the first answer. Without it the answer was used as it is. */
    problem: z.string().optional(),
    warning: z.string().optional(),
    /** Part of the goal or the criterion of a unit. */
    says: z.string().optional(),
    /** What stands nowhere in the plan. */
    never: z.array(z.string()).default([]),
    /** What is kept of the notes. */
    notes: z.string().optional(),
  }),
})

/** Either the text that is taken, or a part of why none is. */
const textWanted = z.union([
  /** `as`: the name of the file, where it is not the usual one. */
  z.strictObject({ takes: z.string(), as: z.string().optional() }),
  z.strictObject({ refuses: z.string() }),
])
const codeCase = z.strictObject({
  ...common,
  /** The file to write, and the others of the task. */
  file: z.string().default('src/slug.js'),
  others: z.array(z.string()).default([]),
  goal: z.string().optional(),
  want: textWanted,
})
const specCase = z.strictObject({ ...common, want: textWanted })
const documentCase = z.strictObject({ ...common, want: textWanted })
const reviewCase = z.strictObject({
  ...common,
  /** The whole finding, or `none`, or `unusable`. */
  want: z.strictObject({ finding: z.string() }),
})

const file = z.discriminatedUnion('ask', [
  z.strictObject({ ask: z.literal('plan'), cases: z.array(planCase) }),
  z.strictObject({ ask: z.literal('code'), cases: z.array(codeCase) }),
  z.strictObject({ ask: z.literal('spec'), cases: z.array(specCase) }),
  z.strictObject({ ask: z.literal('document'), cases: z.array(documentCase) }),
  z.strictObject({ ask: z.literal('review'), cases: z.array(reviewCase) }),
])

export type PlanCase = z.infer<typeof planCase>
export type CodeCase = z.infer<typeof codeCase>
export type SpecCase = z.infer<typeof specCase>
export type DocumentCase = z.infer<typeof documentCase>
export type ReviewCase = z.infer<typeof reviewCase>
export type CorpusFile = z.infer<typeof file> & { readonly path: string }

/** Every file of the corpus. Throws for one that does not follow the format. */
export function readCorpus(): readonly CorpusFile[] {
  return globSync('**/*', { cwd: folder })
    .filter((path) => path !== 'README.md')
    .toSorted()
    .map((path) => {
      const read = file.safeParse(parse(readFileSync(join(folder, path), 'utf8'), { merge: true }))
      if (read.success) return { path, ...read.data }
      throw new Error(`${path}: ${z.prettifyError(read.error)}`)
    })
}

/** What the model says, in order. */
export function answersOf(
  one: Readonly<Pick<z.infer<z.ZodObject<typeof common>>, 'answer' | 'answers' | 'name'>>,
): readonly string[] {
  const answers = one.answers ?? (one.answer === undefined ? [] : [one.answer])
  if (answers.length === 0) throw new Error(`${one.name} has no answer`)
  return answers.map(spoken)
}

/** An answer in full. */
export function spoken(written: WrittenAnswer): string {
  if (typeof written === 'string') return written
  if (Array.isArray(written)) return written.map(spoken).join('')
  const many = repeated.safeParse(written)
  if (!many.success) return JSON.stringify(written)
  const { repeat, times } = many.data
  return Array.from({ length: times }, (_, n) => repeat.replaceAll('{n}', String(n))).join('')
}

/** The repository of a case as paths with text. */
export function filesOf(
  files: readonly string[] | Readonly<Record<string, string>> | undefined,
): ReadonlyMap<string, string> | undefined {
  if (files === undefined) return undefined
  const entries = Array.isArray(files) ? files.map((path) => [path, ''] as const) : undefined
  return new Map(entries ?? Object.entries(files))
}
