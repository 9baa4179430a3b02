// A comment or a document names only files, documents and names of ours that exist.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { parse } from '@babel/parser'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' })
  .split('\0')
  .filter((file) => file !== '')
const known = new Set(tracked.flatMap((file) => foldersOf(file)))
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

function foldersOf(file: string): readonly string[] {
  const parent = posix.dirname(file)
  return parent === '.' ? [file] : [file, ...foldersOf(parent)]
}

interface Comment {
  readonly file: string
  readonly line: number
  readonly text: string
}

const sources = tracked.filter((file) => /\.m?ts$/.test(file) && !file.startsWith('test/fixtures/'))
const parsed = sources.map((file) => {
  const text = read(file)
  const { comments, tokens } = parse(text, {
    sourceType: 'module',
    plugins: ['typescript', 'explicitResourceManagement'],
    tokens: true,
    errorRecovery: true,
  })
  const found = (comments ?? []).map(({ value, loc }) => ({
    file,
    line: loc?.start.line ?? 0,
    text: value,
  }))
  // The strings of the code count, too: names of fields, commands and programs stand there.
  const words = (tokens ?? []).flatMap(({ type, value }: { type: unknown; value?: unknown }) =>
    typeof value === 'string' && !isComment(type) ? (value.match(/[A-Za-z_]\w*/g) ?? []) : [],
  )
  return { found, words }
})

function isComment(type: unknown): boolean {
  return type === 'CommentBlock' || type === 'CommentLine'
}

const comments: readonly Comment[] = parsed.flatMap(({ found }) => found)

/** Documents of the project, by line. Decisions and the changelog may name things that are gone. */
const documents: readonly Comment[] = tracked
  .filter(
    (file) => file.endsWith('.md') && !/^(CHANGELOG|docs\/decisions|test\/fixtures)/.test(file),
  )
  .flatMap((file) =>
    read(file)
      .split('\n')
      .map((text, index) => ({ file, line: index + 1, text })),
  )

const rooms =
  'core|operator|forge|cli|agent-image|rehearsal|simulated-kubernetes|hack|test|docs|crds|helm|examples|knowledge'
/** Names of others, which comments may use: where each comes from. */
const foreign: Readonly<Record<string, string>> = {
  TimeoutError: 'the error of an aborted signal',
  Location: 'a header of HTTP',
  GraphSize: 'a function in the sources of Ollama',
  isCloudModelName: 'a function in the sources of Ollama',
  Section: 'a heading in a prompt',
}

/**
 * A path from the root, or the name of a document. JavaScript and Python below `test` are examples.
 */
const path = new RegExp(
  String.raw`(?<![\w/.$:{@-])((?:${rooms})/[\w./-]*\w|(?:[\w-]+/)*[\w-]+\.md)/?(?![\w*])`,
  'g',
)

test('every file and document that a comment or a document names is there', () => {
  const missing = [...comments, ...documents].flatMap(({ file, line, text }) =>
    [...text.matchAll(path)]
      .map(([, name = '']) => name)
      .filter((name) => !/^test\/.*\.(js|py)$/.test(name))
      .filter((name) => !known.has(name) && !known.has(posix.join(dirname(file), name)))
      .map((name) => `${file}:${line} ${name}`),
  )
  expect(missing).toEqual([])
})

test('everything in code quotes that looks like a name of ours is in the code', () => {
  const inCode = new Set(parsed.flatMap(({ words }) => words))
  const others = tracked
    .filter((file) => /\.(py|mjs|ya?ml|tpl|json|go)$|Dockerfile$/.test(file))
    .flatMap((file) => read(file).match(/[A-Za-z_]\w*/g) ?? [])
  for (const word of others) inCode.add(word)
  const missing = comments.flatMap(({ file, line, text }) =>
    [...text.matchAll(/`([A-Za-z_]\w{3,})(?:\(\))?`/g)]
      .map(([, name = '']) => name)
      .filter((name) => !inCode.has(name) && foreign[name] === undefined)
      .map((name) => `${file}:${line} ${name}`),
  )
  expect(missing).toEqual([])
})
