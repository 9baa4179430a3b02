// What a spec must not be, seen from its text alone. Each refusal is a sentence for the model.
import { languageOf } from '../project.ts'
import { declaredTests } from './spec-text.ts'

const mostTests = 12

const nodeForbidden: readonly (readonly [RegExp, string])[] = [
  [/\bexpect\s*\(|\bjest\.|\bvi\.|\bsinon\b|\bchai\b/, 'Use node:assert/strict only, no expect().'],
  [/\brequire\s*\(/, 'Use import, not require.'],
  [/\bMath\.random\s*\(/, 'Do not use random values.'],
  [/\bDate\.now\s*\(|\bnew Date\(\s*\)|\bperformance\.now\b/, 'Do not use the clock.'],
  [/https?:\/\/(?!localhost|127\.0\.0\.1|\$\{|[\w.-]*example\.)[\w$]/, 'Do not use the network.'],
  [
    /\bprocess\.(exit|kill|abort|reallyExit)\b|child_process|worker_threads/,
    'Do not start or end processes.',
  ],
  [/\.(only|skip|todo)\s*\(|\b(skip|todo|only)\s*:/, 'Do not skip tests or mark them as only.'],
  [/\b(writeFile|appendFile|rm|unlink|symlink|rmdir)(Sync)?\s*\(/, 'Do not write or remove files.'],
]
const pythonForbidden: readonly (readonly [RegExp, string])[] = [
  [/\bimport pytest\b|\bpytest\./, 'Use unittest only, no pytest.'],
  [/\b(import random|random\.\w+\(|from random)\b/, 'Do not use random values.'],
  [/\btime\.(time|sleep|monotonic)\(|\bdatetime\.(now|utcnow|today)\(/, 'Do not use the clock.'],
  [
    /\bimport (requests|socket)\b|https?:\/\/(?!localhost|127\.0\.0\.1|\{|[\w.-]*example\.)\w/,
    'Do not use the network.',
  ],
  [
    /\bsubprocess\b|\bos\.(_exit|kill|fork|system|popen)\b|\bsys\.exit\b/,
    'Do not start or end processes.',
  ],
  [/\bunittest\.skip|@skip|\.skipTest\(|expectedFailure/, 'Do not skip tests.'],
  [
    /\bopen\([^)]*['"][wa]b?\+?['"]|\bos\.(remove|unlink|symlink)\b|\bshutil\./,
    'Do not write or remove files.',
  ],
]
const trivial = [
  /\bassert(\.ok)?\(\s*(true|1)\s*[,)]/,
  /\bassert\.(strictEqual|equal|deepEqual|deepStrictEqual)\(\s*([^,()]+?)\s*,\s*\2\s*[,)]/,
  /\bself\.assertTrue\(\s*True\s*[,)]/,
  /\bself\.assert(Equal|Is)\(\s*([^,()]+?)\s*,\s*\2\s*[,)]/,
  /^\s*assert True\b/m,
]

/** What is wrong with a spec; empty when nothing is. */
export function specProblems(path: string, text: string): readonly string[] {
  const problems: string[] = []
  const python = languageOf(path) === 'python'
  const tests = declaredTests(path, text)
  if (tests.length === 0)
    problems.push(
      python
        ? 'There is no test method (def test_…) in a unittest.TestCase.'
        : "There is no test written as test('name', () => { … }).",
    )
  if (tests.length > mostTests) problems.push(`There are ${tests.length} tests; write at most 6.`)
  if (new Set(tests).size !== tests.length) problems.push('Two tests have the same name.')
  const asserts = text.match(
    python ? /\bself\.assert\w+\s*\(|^\s*assert\s/gm : /\bassert(\.\w+)*\s*\(/g,
  )
  if ((asserts?.length ?? 0) < tests.length)
    problems.push('Every test needs at least one assertion.')
  if (trivial.some((pattern) => pattern.test(text)))
    problems.push('An assertion compares something with itself or is always true.')
  for (const [pattern, message] of python ? pythonForbidden : nodeForbidden)
    if (pattern.test(text)) problems.push(message)
  return problems
}
