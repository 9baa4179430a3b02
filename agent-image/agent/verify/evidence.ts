// A failed run in few words: what a model needs to repair it, and a person to understand it.
import { createHash } from 'node:crypto'
import { stripVTControlCharacters } from 'node:util'
import type { Evidence } from '../../../core/api/agent-task.ts'
import { type FailedTest, type TestRun, unloadedIn, wholeFile } from './test-run.ts'

interface Digest {
  readonly text: string
  /** Equal for failures that differ only in numbers, addresses and paths. */
  readonly signature: string
}

/** Gives the text of a file as it was during the run. */
type SourceOf = (path: string) => Promise<string | undefined>

const shownFailures = 3
const contextLines = 3

/**
 * The failures that matter, at most three. `hidden` tests are counted and not described. Absolute
 * paths below `root` become relative, others lose their folders.
 */
export async function digestOf(
  run: TestRun,
  failures: readonly FailedTest[],
  root: string,
  source: SourceOf,
  hidden: ReadonlySet<string> = new Set(),
): Promise<Digest> {
  const told = failures.filter((test) => !hidden.has(test.name))
  const ordered = [...told.filter((test) => !test.derived), ...told.filter((test) => test.derived)]
  const parts: string[] = run.problems.slice(0, 3).map((problem) => `- ${problem}`)
  for (const test of ordered.slice(0, shownFailures)) parts.push(await describe(test, root, source))
  if (ordered.length > shownFailures) parts.push(`(and ${ordered.length - shownFailures} more)`)
  const held = failures.length - told.length
  if (held > 0) parts.push(`(${held} more that are not shown)`)
  return {
    text: parts.join('\n'),
    signature: signatureOf([
      ...run.problems,
      ...failures.map((test) => `${test.name} ${test.message}`),
    ]),
  }
}

async function describe(test: FailedTest, root: string, source: SourceOf): Promise<string> {
  const name = test.name === wholeFile ? test.file : `${test.file}: ${test.name}`
  const lines = [`- ${name}`, indent(plain(essence(test.message), root, 600))]
  if (test.expected !== undefined) lines.push(`  expected: ${plain(test.expected, root, 200)}`)
  if (test.actual !== undefined) lines.push(`  actual:   ${plain(test.actual, root, 200)}`)
  if (test.frame !== undefined) {
    const text = await source(test.frame.file)
    lines.push(`  at ${test.frame.file}:${test.frame.line}`)
    if (text !== undefined) lines.push(around(text, test.frame.line))
  }
  return lines.join('\n')
}

/** The lines of a crash that name the error. */
function essence(message: string): string {
  const lines = message.split('\n')
  const at = lines.findIndex((text) => /^(\w*Error|\w+ \[ERR_\w+\])\b.*:/.test(text))
  const from = at === -1 ? lines : lines.slice(at)
  return from
    .filter(
      (text) => !/^\s+at |^Node\.js v|^\s*[{}]\s*$|^\s*(code|url|requireStack):|^\s*$/.test(text),
    )
    .slice(0, 8)
    .join('\n')
}

function plain(text: string, root: string, limit: number): string {
  const short = stripVTControlCharacters(text)
    .replaceAll('file://', '')
    .replaceAll(`${root}/`, '')
    .replace(/(^|[\s'"(])\/(?:[\w.@-]+\/)+/g, '$1')
  return short.length > limit ? `${short.slice(0, limit)} …` : short
}

function around(text: string, line: number): string {
  const lines = text.split('\n')
  const first = Math.max(1, line - contextLines)
  return lines
    .slice(first - 1, line + contextLines - 1)
    .map((content, index) => {
      const number = first + index
      return `  ${number === line ? '>' : ' '} ${String(number).padStart(3)} | ${content.slice(0, 160)}`
    })
    .join('\n')
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')
}

/** A stable name for a set of failures. */
export function signatureOf(messages: readonly string[]): string {
  const normal = messages.map((text) =>
    stripVTControlCharacters(text)
      .replace(/(?:\/[\w.@-]+)+\//g, '')
      .replace(/0x[0-9a-f]+|\d+/gi, '#')
      .replace(/\s+/g, ' ')
      .slice(0, 300),
  )
  return createHash('sha256').update(normal.toSorted().join('\n')).digest('hex').slice(0, 16)
}

/** A run as evidence in a report. */
export function evidenceOf(run: TestRun, digest: string): Evidence {
  const unloaded = unloadedIn(run).length
  return {
    command: run.command,
    exitCode: run.exitCode,
    passed: run.passed.length,
    failed: run.failed.length,
    ...(unloaded === 0 ? {} : { unloaded }),
    digest: digest.slice(0, 2000),
  }
}

/** Evidence of an answer that could not be run: its number, and why it could not be used. */
export function unusableAnswer(number: number, why: string): Evidence {
  return {
    command: `answer ${number} of the model`,
    exitCode: -1,
    passed: 0,
    failed: 0,
    digest: (why || 'it could not be used').slice(0, 2000),
  }
}
