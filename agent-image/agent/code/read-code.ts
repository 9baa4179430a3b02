// Reads files of code: JavaScript and TypeScript here, Python in the sandbox, where Python is.
import { join } from 'node:path'
import { z } from 'zod'
import { reportPlaceholder } from '../../sandbox/exec-protocol.ts'
import type { Sandbox } from '../sandbox-client.ts'
import { type CodeFacts, concernKinds, noFacts } from './facts.ts'
import { longestText } from './javascript/parse.ts'
import { readJavaScript } from './javascript/read.ts'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Reads code. Gives facts for each file whose language is known; other files are left out. */
export interface CodeReader {
  read(
    files: ReadonlyMap<string, string>,
    options: { readonly signal: AbortSignal },
  ): Promise<ReadonlyMap<string, CodeFacts>>
}

/**
 * The place where Python files are read: a folder in which the sandbox may work, and the folder of
 * our programs (`programs`, agent-image/sandbox/programs) as the sandbox sees it.
 */
export interface ReadingPlace {
  readonly sandbox: Sandbox
  readonly programs: string
  readonly folder: string
}

/** Most characters of files that one command gets; a single file may be longer. */
const longestPortion = 400_000

const span = { start: z.int(), end: z.int() }
const importedName = z.object({
  imported: z.string(),
  local: z.string(),
  typeOnly: z.boolean(),
  used: z.boolean(),
  members: z.array(z.string()),
})
const parsed = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('fine') }),
  z.object({ kind: z.literal('wrong'), line: z.int(), message: z.string().max(1000) }),
  z.object({ kind: z.literal('unread'), why: z.string().max(1000) }),
])
const pythonFacts = z.object({
  path: z.string(),
  parsed,
  imports: z
    .array(
      z.object({
        ...span,
        specifier: z.string(),
        how: z.enum(['static', 'dynamic']),
        names: z.array(importedName),
        typeOnly: z.boolean(),
        builtin: z.boolean(),
        at: z.object(span),
        statement: z.boolean(),
      }),
    )
    .default([]),
  exports: z
    .array(
      z.object({
        name: z.string(),
        kind: z.enum(['function', 'class', 'constant', 'reexport', 'unknown']),
        signature: z.string(),
        line: z.int(),
      }),
    )
    .default([]),
  bodies: z.array(z.object({ name: z.string(), hollow: z.boolean() })).default([]),
  tests: z
    .array(
      z.object({
        ...span,
        name: z.string(),
        suites: z.array(z.string()),
        line: z.int(),
        skip: z.boolean(),
        skippable: z.literal('test').optional(),
        awaitsError: z.boolean().optional(),
        todo: z.boolean(),
        only: z.boolean(),
        assertions: z.int(),
        repeated: z.boolean(),
        removable: z.boolean(),
      }),
    )
    .default([]),
  concerns: z
    .array(
      z.object({
        kind: z.enum(concernKinds),
        line: z.int(),
        code: z.string(),
        module: z.string().optional(),
      }),
    )
    .default([]),
  comments: z.array(z.object({ ...span, text: z.string(), line: z.int() })).default([]),
  ellipses: z.array(z.int()).default([]),
  undeclared: z.array(z.string()).default([]),
  owners: z
    .array(
      z.object({
        name: z.string(),
        exported: z.boolean(),
        members: z.array(z.object({ name: z.string(), certain: z.boolean() })),
        bases: z.array(z.string()),
        open: z.boolean(),
      }),
    )
    .default([]),
  properties: z.array(z.string()).default([]),
  defined: z.array(z.string()).default([]),
  listed: z.array(z.string()).default([]),
  stars: z.array(z.string()).default([]),
  blocks: z
    .array(z.object({ ...span, name: z.string(), parts: z.array(z.string()), statements: z.int() }))
    .default([]),
})

/**
 * Facts of one file without a sandbox: complete for JavaScript and TypeScript. A Python file is
 * read only in a clone of this repository, for tools and tests; in an agent's Pod it is `unread`,
 * see `readCode`.
 */
export function factsOf(path: string, text: string): CodeFacts {
  if (!isPython(path)) return readJavaScript(path, text)
  const [one] = parseReport(pythonReportHere(path, text), 1) ?? []
  return one === undefined
    ? noFacts(path, 'python', { kind: 'unread', why: 'Python files are read in the sandbox' })
    : factsOfReport(path, one)
}

function factsOfReport(path: string, report: z.infer<typeof pythonFacts>): CodeFacts {
  const { owners, properties, defined, listed, stars, ...one } = report
  return {
    ...noFacts(path, 'python', one.parsed),
    ...one,
    path,
    undeclared: new Set(one.undeclared),
    offers: {
      owners,
      properties: new Set(properties),
      defined: new Set(defined),
      listed: new Set(listed),
      stars,
    },
  }
}

function isPython(path: string): boolean {
  return /\.pyi?$/.test(path)
}

/** Facts of one file; a file that is not code is `unread`. */
export async function factsIn(
  reader: CodeReader,
  path: string,
  text: string,
  options: { readonly signal: AbortSignal },
): Promise<CodeFacts> {
  const read = await reader.read(new Map([[path, text]]), options)
  return read.get(path) ?? noFacts(path, 'node', { kind: 'unread', why: 'it is not code' })
}

/** Whether code of a file can be read at all: JavaScript and TypeScript with JSX, and Python. */
export function isCode(path: string): boolean {
  return /\.([cm]?[jt]s|[jt]sx|pyi?)$/.test(path)
}

/**
 * Facts of `files` (text by path), in their order. Python files go to the sandbox in as few commands
 * as their size allows; nothing of the project runs there. A file that breaks the reading is
 * `unread`, and the others are not.
 */
export async function readCode(
  files: ReadonlyMap<string, string>,
  where: ReadingPlace,
  options: { readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, CodeFacts>> {
  const python = [...files].filter(([path]) => isPython(path))
  const read = new Map<string, CodeFacts>()
  for (const [path] of python.filter(isTooLong))
    read.set(path, noFacts(path, 'python', { kind: 'unread', why: 'it is longer than 256 KiB' }))
  for (const portion of portionsOf(python.filter((file) => !isTooLong(file))))
    for (const facts of await readPython(portion, where, options)) read.set(facts.path, facts)
  const all = new Map<string, CodeFacts>()
  for (const [path, text] of files) {
    const facts = read.get(path) ?? (isCode(path) ? readJavaScript(path, text) : undefined)
    if (facts !== undefined) all.set(path, facts)
  }
  return all
}

type CodeFile = readonly [path: string, text: string]

function isTooLong([, text]: CodeFile): boolean {
  return text.length > longestText
}

/** The files in their order, as many together as one command may hold. */
function portionsOf(files: readonly CodeFile[]): readonly (readonly CodeFile[])[] {
  const portions: CodeFile[][] = []
  let size = 0
  for (const file of files) {
    const { length } = file[1]
    const open = portions.at(-1)
    if (open !== undefined && size + length <= longestPortion) {
      open.push(file)
      size += length
    } else {
      portions.push([file])
      size = length
    }
  }
  return portions
}

/** Reads Python files with one command, or each by itself when one of them breaks the reading. */
async function readPython(
  files: readonly CodeFile[],
  where: ReadingPlace,
  options: { readonly signal: AbortSignal },
): Promise<readonly CodeFacts[]> {
  const result = await where.sandbox.exec(
    {
      // Isolated: neither the project's folder nor its environment can stand in for a module of the
      // library.
      argv: ['python3', '-I', '-B', join(where.programs, 'code_facts.py'), reportPlaceholder],
      cwd: where.folder,
      timeoutSeconds: 30,
      outputBytes: 2048,
      stdin: JSON.stringify(files.map(([path, text]) => ({ path, text }))),
    },
    options,
  )
  const reports = result.exitCode === 0 ? parseReport(result.report, files.length) : undefined
  if (reports !== undefined)
    return files.flatMap(([path], index) => {
      const report = reports[index]
      return report === undefined ? [] : [factsOfReport(path, report)]
    })
  const [first, second] = files
  if (first !== undefined && second === undefined) {
    const why = result.timedOut ? 'reading it took too long' : 'Python could not read it'
    return [noFacts(first[0], 'python', { kind: 'unread', why })]
  }
  const facts: CodeFacts[] = []
  for (const file of files) facts.push(...(await readPython([file], where, options)))
  return facts
}

function parseReport(
  report: string | undefined,
  count: number,
): readonly z.infer<typeof pythonFacts>[] | undefined {
  try {
    return z
      .array(pythonFacts)
      .length(count)
      .parse(JSON.parse(report ?? ''))
  } catch {
    return undefined
  }
}

const program = fileURLToPath(new URL('../../sandbox/programs/code_facts.py', import.meta.url))

/**
 * The report of code_facts.py on one text without a sandbox, for tools and tests that work in a
 * clone. Undefined where Python is missing, and in an agent's Pod, where the program does not stand
 * at this path. Nothing of the text runs; Python gets nothing of the environment except PATH.
 */
function pythonReportHere(path: string, text: string): string | undefined {
  if (last?.path === path && last.text === text) return last.report
  if (!existsSync(program)) return undefined
  last = { path, text, report: reportOf(path, text) }
  return last.report
}

/** The last answer, because callers ask about one text several times in a row. */
let last:
  | { readonly path: string; readonly text: string; readonly report: string | undefined }
  | undefined

function reportOf(path: string, text: string): string | undefined {
  try {
    return execFileSync('python3', ['-I', '-B', program, '-'], {
      input: JSON.stringify([{ path, text }]),
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] },
      timeout: 20_000,
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['pipe', 'pipe', 'ignore'],
    })
  } catch {
    return undefined
  }
}
