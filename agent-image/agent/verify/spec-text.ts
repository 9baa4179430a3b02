// Reads spec tests as text: which tests they declare, and which of them the coder is not shown.
import { languageOf } from '../project.ts'
import { type TestRun, testId } from './test-run.ts'

/** Names of the tests that a file declares with a plain literal, in order. */
export function declaredTests(path: string, text: string): readonly string[] {
  if (languageOf(path) === 'python')
    return [...text.matchAll(/^\s*(?:async\s+)?def\s+(test\w*)\s*\(/gm)].map(
      (match) => match[1] ?? '',
    )
  const names: string[] = []
  for (const match of text.matchAll(
    /^\s*(?:await\s+)?(?:test|it)\s*\(\s*(['"`])((?:\\.|(?!\1).)*)\1/gm,
  )) {
    const name = match[2] ?? ''
    if (match[1] === '`' && name.includes('${')) continue
    names.push(name.replace(/\\(['"`])/g, '$1'))
  }
  return names
}

/** Declared tests of a file that a run did not report. */
export function unreportedTests(path: string, text: string, run: TestRun): readonly string[] {
  return declaredTests(path, text).filter((name) => {
    const own = testId({ file: path, name })
    return !run.collected.some(
      (id) => id === own || (id.startsWith(`${path} > `) && id.endsWith(` > ${name}`)),
    )
  })
}

export interface HeldBack {
  /** The file as the coder sees it. */
  readonly visible: string
  /** Names, as runs report them, of the tests it does not see. */
  readonly hidden: ReadonlySet<string>
}

/**
 * Holds back the last test of a file with four or more, when the file is plain enough to cut it out: tests at the left
 * margin (node) or methods of one class (python).
 */
export function holdBack(path: string, text: string): HeldBack {
  const all: HeldBack = { visible: text, hidden: new Set() }
  const python = languageOf(path) === 'python'
  const lines = text.split('\n')
  const start = python ? /^ {4}def (test\w*)\(self\):/ : /^test\((['"`])((?:(?!\1).)*)\1,/
  const starts = lines.flatMap((line, index) => (start.test(line) ? [index] : []))
  const declared = declaredTests(path, text)
  const last = starts.at(-1)
  if (starts.length < 4 || starts.length !== declared.length || last === undefined) return all
  const length = lines
    .slice(last + 1)
    .findIndex((line) => (python ? /^( {4})?\S/.test(line) : line.startsWith('})')))
  // Nothing may follow a node test on the line that closes it.
  const end = length === -1 ? lines.length : last + 1 + length + (python ? 0 : 1)
  if (!python && length === -1) return all
  const name = declared.at(-1) ?? ''
  const className = /^class (\w+)/m.exec(text)?.[1]
  const hidden = python ? `${className ?? ''} > ${name}` : name
  return {
    visible: [...lines.slice(0, last), ...lines.slice(end)].join('\n').trimEnd().concat('\n'),
    hidden: new Set([hidden]),
  }
}
