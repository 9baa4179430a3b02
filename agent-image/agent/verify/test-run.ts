// What a run of tests gave, read from the sealed report of our runners and from nothing else.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'

const frame = z.object({ file: z.string(), line: z.int() })

const testLine = z.object({
  kind: z.literal('test'),
  file: z.string(),
  name: z.string(),
  status: z.enum(['pass', 'fail', 'skip']),
  message: z.string().optional(),
  expected: z.string().optional(),
  actual: z.string().optional(),
  frame: frame.optional(),
  derived: z.boolean().optional(),
})
const fileLine = z.object({
  kind: z.literal('file'),
  file: z.string(),
  finished: z.boolean(),
  failed: z.boolean(),
  message: z.string().optional(),
  frame: frame.optional(),
})
const endLine = z.object({ kind: z.literal('end'), mac: z.string() })
const line = z.discriminatedUnion('kind', [testLine, fileLine, endLine])

/** Name of the entry that stands for a file that could not be run to its end. */
export const wholeFile = '(whole file)'

export interface FailedTest {
  readonly file: string
  readonly name: string
  readonly message: string
  readonly expected?: string
  readonly actual?: string
  readonly frame?: { readonly file: string; readonly line: number }
  /** It failed only because a test within it failed. */
  readonly derived: boolean
}

export interface TestRun {
  /** What was run, for people. */
  readonly command: string
  /** -1 when it was stopped. */
  readonly exitCode: number
  /** Why the run cannot be believed; empty when it can. */
  readonly problems: readonly string[]
  /** `file > name` of every test that was reported, whatever came of it. */
  readonly collected: readonly string[]
  readonly passed: readonly string[]
  readonly failed: readonly FailedTest[]
  /** Skipped, or marked as still to do. */
  readonly skipped: readonly string[]
  /** What looks like a test and was not run, with why; without a name the whole file. */
  readonly unrun: readonly UnrunTest[]
  /** How many assertions a test made while it ran, by its key. */
  readonly asserted: ReadonlyMap<string, number>
  /** The message of an assertion that failed although its test passed, by the key of the test. */
  readonly swallowed: ReadonlyMap<string, string>
}

export interface UnrunTest {
  readonly file: string
  readonly name?: string
  /** The end of a sentence, such as `it needs vitest, which is not installed`. */
  readonly why: string
}

/** The key of a test in lists and comparisons. */
export function testId(test: { readonly file: string; readonly name: string }): string {
  return `${test.file} > ${test.name}`
}

/**
 * Reads a report. Anything that is not exactly one sealed report with exactly one ending for each of `files` is a
 * problem, and a file without an ending counts as failed.
 */
export function readReport(
  report: string | undefined,
  key: string,
  files: readonly string[],
  run: { readonly command: string; readonly exitCode: number; readonly timedOut: boolean },
): TestRun {
  const problems: string[] = []
  const collected: string[] = []
  const passed: string[] = []
  const failed: FailedTest[] = []
  const skipped: string[] = []
  const endings = new Map<string, number>()
  const seen = new Map<string, number>()
  const lines = (report ?? '').split('\n').filter((text) => text !== '')
  if (run.timedOut) problems.push('the tests did not end in time')
  if (!sealed(report ?? '', lines, key)) problems.push('the runner gave no complete report')

  for (const text of lines) {
    const parsed = line.safeParse(parseJson(text))
    if (!parsed.success) {
      problems.push('the report has a line that is not ours')
      continue
    }
    const entry = parsed.data
    if (entry.kind === 'test') {
      const count = (seen.get(testId(entry)) ?? 0) + 1
      seen.set(testId(entry), count)
      const name = count === 1 ? entry.name : `${entry.name} #${count}`
      const id = testId({ file: entry.file, name })
      collected.push(id)
      if (entry.status === 'pass') passed.push(id)
      if (entry.status === 'skip') skipped.push(id)
      if (entry.status === 'fail') failed.push(failedTest({ ...entry, name }))
    } else if (entry.kind === 'file') {
      endings.set(entry.file, (endings.get(entry.file) ?? 0) + 1)
      if (entry.finished) continue
      const message = entry.failed
        ? (entry.message ?? 'it could not be loaded')
        : 'it ended without reporting its tests: no tests in it, or it ended its own process'
      failed.push(failedTest({ ...entry, name: wholeFile, message }))
    }
  }
  for (const [file, count] of endings)
    if (count !== 1 || !files.includes(file)) problems.push(`${file} was reported ${count} times`)
  for (const file of files)
    if (!endings.has(file))
      failed.push(failedTest({ file, name: wholeFile, message: 'it was never run to its end' }))
  if (problems.length === 0 && failed.length === 0 && run.exitCode !== 0)
    problems.push(`the runner ended with exit code ${run.exitCode} though no test failed`)
  return {
    command: run.command,
    exitCode: run.exitCode,
    problems,
    collected,
    passed,
    failed,
    skipped,
    unrun: [],
    asserted: new Map(),
    swallowed: new Map(),
  }
}

function failedTest(entry: {
  file: string
  name: string
  message?: string | undefined
  expected?: string | undefined
  actual?: string | undefined
  frame?: { file: string; line: number } | undefined
  derived?: boolean | undefined
}): FailedTest {
  return {
    file: entry.file,
    name: entry.name,
    message: entry.message ?? 'it failed',
    ...(entry.expected === undefined ? {} : { expected: entry.expected }),
    ...(entry.actual === undefined ? {} : { actual: entry.actual }),
    ...(entry.frame === undefined ? {} : { frame: entry.frame }),
    derived: entry.derived ?? false,
  }
}

/** The last line, and only the last, is an ending whose code fits all that stands before it. */
function sealed(report: string, lines: readonly string[], key: string): boolean {
  const last = endLine.safeParse(parseJson(lines.at(-1) ?? ''))
  if (!last.success) return false
  if (lines.filter((text) => endLine.safeParse(parseJson(text)).success).length !== 1) return false
  const body = report.slice(0, report.lastIndexOf(lines.at(-1) ?? ''))
  const want = createHmac('sha256', key).update(body).digest()
  const got = Buffer.from(last.data.mac, 'hex')
  return got.length === want.length && timingSafeEqual(got, want)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
