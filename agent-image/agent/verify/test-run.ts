// What a run of tests gave, read from the sealed report of our runners and from nothing else.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { jsonOf } from '../../../core/base/lines.ts'

const frame = z.object({ file: z.string(), line: z.int() })

const testLine = z.object({
  kind: z.literal('test'),
  file: z.string(),
  /**
   * Counts the tests of a file from 1, so that a late error can name its test; 0 when nothing can
   * name it.
   */
  number: z.int(),
  name: z.string(),
  /** The file that defines the test, when that is not the file that ran it. */
  from: z.string().optional(),
  status: z.enum(['pass', 'fail', 'skip']),
  message: z.string().optional(),
  expected: z.string().optional(),
  actual: z.string().optional(),
  frame: frame.optional(),
  derived: z.boolean().optional(),
  asserted: z.int().optional(),
  swallowed: z.string().optional(),
  needs: z.string().optional(),
  why: z.string().optional(),
})
const lateLine = z.object({
  kind: z.literal('late'),
  file: z.string(),
  number: z.int().optional(),
  message: z.string(),
  expected: z.string().optional(),
  actual: z.string().optional(),
  frame: frame.optional(),
})
const unrunLine = z.object({
  kind: z.literal('unrun'),
  file: z.string(),
  name: z.string().optional(),
  why: z.string(),
  needs: z.string().optional(),
})
const fileLine = z.object({
  kind: z.literal('file'),
  file: z.string(),
  finished: z.boolean(),
  failed: z.boolean(),
  untrusted: z.boolean().optional(),
  message: z.string().optional(),
  frame: frame.optional(),
})
const restLine = z.object({ kind: z.literal('rest'), file: z.string() })
const loadLine = z.object({
  kind: z.literal('load'),
  file: z.string(),
  outcome: z.enum(['loaded', 'failed', 'unloadable']),
  message: z.string(),
  frame: frame.optional(),
})
const endLine = z.object({ kind: z.literal('end'), mac: z.string() })
const line = z.discriminatedUnion('kind', [
  testLine,
  lateLine,
  unrunLine,
  fileLine,
  restLine,
  loadLine,
  endLine,
])
type TestLine = z.infer<typeof testLine>
export type LoadLine = z.infer<typeof loadLine>

/**
 * Name of the entry that stands for a file that could not be loaded, run to its end, or believed.
 */
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
  /** The package that is not installed, when the error says so, and the sentence about it. */
  readonly missing?: { readonly needs: string; readonly why: string }
  /** The error came after its end, or in a hook around the whole file: its reports are complete. */
  readonly late?: true
}

/** Something that looks like a test and was not run; without a name it is the whole file. */
export interface UnrunTest {
  readonly file: string
  readonly name?: string
  /** A sentence that fits behind "because": `it needs vitest, which is not installed`. */
  readonly why: string
  /** The package that is not installed, when that is the reason. */
  readonly needs?: string
}

export interface TestRun {
  /** What was run, for people. */
  readonly command: string
  /** -1 when it was stopped. */
  readonly exitCode: number
  /** Why the run cannot be believed; empty when it can. */
  readonly problems: readonly string[]
  /** `file > name` of every test that was reported, whatever its result. */
  readonly collected: readonly string[]
  /**
   * Only these are proof of anything: run to their end, in a file that can be believed, and nothing
   * came afterwards.
   */
  readonly passed: readonly string[]
  readonly failed: readonly FailedTest[]
  /**
   * Ids of tests that were skipped, are marked as still to do, or were expected to fail and did.
   */
  readonly skipped: readonly string[]
  readonly unrun: readonly UnrunTest[]
  /**
   * By id: how many assertions a test made while it ran. A test that is not in here made none that
   * were seen.
   */
  readonly asserted: ReadonlyMap<string, number>
  /** By id: the message of an assertion that failed although its test passed. */
  readonly swallowed: ReadonlyMap<string, string>
}

/** What one command of a runner gave; `rest` are files for which it had no time left. */
export interface ReadRun extends TestRun {
  readonly rest: readonly string[]
}

/**
 * The test files that ended before any of their tests was reported: most often they could not be
 * loaded.
 */
export function unloadedIn({
  failed,
  collected,
}: Pick<TestRun, 'failed' | 'collected'>): readonly string[] {
  return failed
    .filter(({ name, file }) => {
      return name === wholeFile && !collected.some((id) => id.startsWith(`${file} > `))
    })
    .map(({ file }) => file)
}

/** The key of a test in lists and comparisons. */
export function testId(test: { readonly file: string; readonly name: string }): string {
  return `${test.file} > ${test.name}`
}

/**
 * The name of a test within suites, the outermost first. Where a name itself holds ` > `, it is
 * written ` \> `, so that two different tests never share an id.
 */
export function testName(names: readonly string[]): string {
  return names.map((name) => name.replaceAll(/(?<=^| )(\\*)>(?= |$)/g, '\\$1>')).join(' > ')
}

/**
 * Reads a report. Anything that is not exactly one sealed report with exactly one ending for each
 * of `files` is a problem, and a file without an ending counts as failed. Of a report without its
 * seal no pass is taken.
 */
export function readReport(
  report: string | undefined,
  key: string,
  files: readonly string[],
  run: { readonly command: string; readonly exitCode: number; readonly timedOut: boolean },
): ReadRun {
  const { lines, problems, isSealed } = readLines(report, key, run.timedOut)
  const tests = lines.filter((entry) => entry.kind === 'test')
  const endings = lines.filter((entry) => entry.kind === 'file')
  const rest = lines.filter((entry) => entry.kind === 'rest').map((entry) => entry.file)
  const untrusted = new Set(endings.filter((one) => one.untrusted === true).map((one) => one.file))
  const names = namesOf(tests)
  const late = new Map<string, z.infer<typeof lateLine>>()
  for (const entry of lines)
    if (entry.kind === 'late') {
      const owner = ownerKey(entry.file, entry.number ?? 0)
      if (!late.has(owner)) late.set(owner, entry)
    }

  const collected: string[] = []
  const passed: string[] = []
  const skipped: string[] = []
  const failed: FailedTest[] = []
  const asserted = new Map<string, number>()
  const swallowed = new Map<string, string>()
  for (const entry of tests) {
    const name = names.get(entry) ?? entry.name
    const id = testId({ file: entry.file, name })
    collected.push(id)
    if (entry.asserted !== undefined) asserted.set(id, entry.asserted)
    const after = entry.number === 0 ? undefined : late.get(ownerKey(entry.file, entry.number))
    if (entry.status === 'skip') skipped.push(id)
    else if (entry.status === 'fail') failed.push(failedTest({ ...entry, name }))
    else if (after !== undefined)
      failed.push({ ...failedTest({ ...after, name, message: isLate(after) }), late: true })
    else if (isSealed && !untrusted.has(entry.file)) {
      passed.push(id)
      if (entry.swallowed !== undefined) swallowed.set(id, entry.swallowed)
    }
  }
  for (const file of files) {
    const own = endings.filter((entry) => entry.file === file)
    const isRest = rest.includes(file)
    if (own.length + (isRest ? 1 : 0) > 1) problems.push(`${file} was reported ${own.length} times`)
    const ending = own[0]
    const after = late.get(ownerKey(file, 0))
    if (ending === undefined) {
      if (isRest) continue
      failed.push(failedTest({ file, name: wholeFile, message: 'it was never run to its end' }))
    } else if (ending.failed || !ending.finished) {
      const message = ending.message ?? 'it ended without reporting its tests'
      failed.push(failedTest({ ...ending, name: wholeFile, message }))
    } else if (after !== undefined) {
      failed.push({
        ...failedTest({ ...after, name: wholeFile, message: isLate(after) }),
        late: true,
      })
    }
  }
  for (const { file } of [...endings, ...tests])
    if (!files.includes(file)) problems.push(`${file} was reported and not asked for`)
  if (problems.length === 0 && failed.length === 0 && run.exitCode !== 0)
    problems.push(`the runner ended with exit code ${run.exitCode} though no test failed`)
  const unrun = lines
    .filter((entry) => entry.kind === 'unrun')
    .map(({ file, name, why, needs }) => ({
      file,
      ...(name === undefined ? {} : { name }),
      why,
      ...(needs === undefined ? {} : { needs }),
    }))
  const { command, exitCode } = run
  const lists = { collected, passed, failed, skipped, unrun, asserted, swallowed, rest }
  return { command, exitCode, problems: [...new Set(problems)], ...lists }
}

/** Reads the results of loading modules; undefined when the report cannot be believed. */
export function readLoads(
  report: string | undefined,
  key: string,
): readonly LoadLine[] | undefined {
  const { lines, problems } = readLines(report, key, false)
  return problems.length > 0 ? undefined : lines.filter((entry) => entry.kind === 'load')
}

function readLines(report: string | undefined, key: string, timedOut: boolean) {
  const texts = (report ?? '').split('\n').filter((text) => text !== '')
  const problems: string[] = []
  if (timedOut) problems.push('the tests did not end in time')
  const isSealed = sealed(report ?? '', texts, key)
  if (!isSealed) problems.push('the runner gave no complete report')
  const lines: z.infer<typeof line>[] = []
  for (const text of texts) {
    const parsed = line.safeParse(jsonOf(text))
    if (parsed.success) lines.push(parsed.data)
    else problems.push('the report has a line that is not ours')
  }
  return { lines, problems, isSealed }
}

/**
 * The name of each test in its file; the second of the same name gets ` #2`. The tests that a file
 * defines itself come first, so that a module which it imports cannot take the name of one of them.
 */
function namesOf(tests: readonly TestLine[]): ReadonlyMap<TestLine, string> {
  const seen = new Map<string, number>()
  const names = new Map<TestLine, string>()
  const own = tests.filter((entry) => entry.from === undefined)
  for (const entry of [...own, ...tests.filter((other) => other.from !== undefined)]) {
    const count = (seen.get(testId(entry)) ?? 0) + 1
    seen.set(testId(entry), count)
    names.set(entry, count === 1 ? entry.name : `${entry.name} #${count}`)
  }
  return names
}

function ownerKey(file: string, number: number): string {
  return `${file}\0${number}`
}

function isLate({ message }: { readonly message: string }): string {
  return `${message}\n(this error came after the test had ended)`
}

function failedTest(entry: {
  file: string
  name: string
  message?: string | undefined
  expected?: string | undefined
  actual?: string | undefined
  frame?: { file: string; line: number } | undefined
  derived?: boolean | undefined
  needs?: string | undefined
  why?: string | undefined
}): FailedTest {
  const { needs, why } = entry
  return {
    file: entry.file,
    name: entry.name,
    message: entry.message ?? 'it failed',
    ...(entry.expected === undefined ? {} : { expected: entry.expected }),
    ...(entry.actual === undefined ? {} : { actual: entry.actual }),
    ...(entry.frame === undefined ? {} : { frame: entry.frame }),
    derived: entry.derived ?? false,
    ...(needs === undefined || why === undefined ? {} : { missing: { needs, why } }),
  }
}

/** The last line, and only the last, is an ending whose code fits all that stands before it. */
function sealed(report: string, lines: readonly string[], key: string): boolean {
  const last = endLine.safeParse(jsonOf(lines.at(-1) ?? ''))
  if (!last.success) return false
  const isEnd = (text: string): boolean => text.startsWith('{"kind":"end"')
  if (lines.filter(isEnd).length !== 1) return false
  const body = report.slice(0, report.lastIndexOf(lines.at(-1) ?? ''))
  const want = createHmac('sha256', key).update(body).digest()
  const got = Buffer.from(last.data.mac, 'hex')
  return got.length === want.length && timingSafeEqual(got, want)
}
