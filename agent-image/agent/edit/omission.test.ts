// Comments in the place of code, of any wording; and comments in complete code, which are none.
import { describe, expect, test } from 'vitest'
import { findOmission } from './omission.ts'

const wordings = [
  '... other methods',
  '... existing code ...',
  'existing methods',
  'other methods remain the same',
  'remaining code here',
  '(same as before)',
  'unchanged',
  '…',
  '...',
  'Previous methods here',
  'the rest of the class is unchanged',
  'rest of the methods',
  'no changes below',
  'everything else stays as it is',
  'same implementation as before',
  'toLow() as before',
  '[... remaining methods ...]',
  '<existing members>',
  'Existing methods remain unchanged...',
  'etc.',
] as const

const node = (inside: string): string =>
  `export class S {\n  constructor(t) {\n    this.t = t\n  }\n${inside}\n  shout() {\n    return 1\n  }\n}\n`
const python = (inside: string): string =>
  `class S:\n    def __init__(self, t):\n        self.t = t\n\n${inside}\n    def shout(self):\n        return 1\n`

describe('a method is gone, and words stand in its place', () => {
  test.each(wordings)('%s', (words) => {
    const before = node('  toLow() {\n    return this.t\n  }')
    for (const comment of [`  // ${words}`, `  /* ${words} */`])
      expect(findOmission(node(comment), before, { path: 'a.js' })).toBeDefined()
    const old = python('    def low(self):\n        return self.t\n')
    expect(findOmission(python(`    # ${words}\n`), old, { path: 'a.py' })).toBeDefined()
  })
})

describe('the same words over code that is all there', () => {
  test.each(wordings)('%s', (words) => {
    const before = node('  toLow() {\n    return this.t\n  }')
    const after = node(`  // ${words}\n  toLow() {\n    return this.t\n  }`)
    expect(findOmission(after, before, { path: 'a.js' })).toBeUndefined()
    const old = python('    def low(self):\n        return self.t\n')
    const now = python(`    # ${words}\n    def low(self):\n        return self.t\n`)
    expect(findOmission(now, old, { path: 'a.py' })).toBeUndefined()
  })
})

describe('code is left out elsewhere', () => {
  test.each<[string, string, string, string]>([
    [
      'at the end of a file',
      'a.js',
      'export const a = 1\nexport const b = 2\n',
      'export const a = 1\n// the rest stays the same\n',
    ],
    [
      'in a function that keeps its name',
      'a.js',
      'export function f(x) {\n  const y = x + 1\n  log(y)\n  return y\n}\n',
      'export function f(x) {\n  const y = x + 1\n  // rest unchanged\n}\nexport const g = 1\n',
    ],
    [
      'in place of a whole body',
      'a.js',
      'export function f(x) {\n  return x\n}\n',
      'export function f(x) {\n  // implementation as before\n}\n',
    ],
    ['in a new function', 'a.js', '', 'export function f(x) {\n  // same as above\n}\n'],
    [
      'in an arrow function',
      'a.js',
      'export const f = (x) => {\n  log(x)\n  return x\n}\n',
      'export const f = (x) => {\n  // (unchanged)\n}\n',
    ],
    [
      'in an object',
      'a.js',
      'export const a = {\n  one: 1,\n  two: 2,\n}\n',
      'export const a = {\n  one: 1,\n  // other keys\n  three: 3,\n}\n',
    ],
    [
      'in an enum',
      'a.ts',
      'export enum E {\n  A,\n  B,\n}\n',
      'export enum E {\n  A,\n  // ... existing members\n}\n',
    ],
    [
      'statements at the top',
      'a.js',
      'app.use(a)\napp.use(b)\napp.listen(1)\n',
      'app.use(c)\n// existing code\n',
    ],
    [
      'in Python, behind the last method',
      'a.py',
      'class S:\n    def a(self):\n        return 1\n\n    def b(self):\n        return 2\n',
      'class S:\n    def a(self):\n        return 1\n\n    # other methods\n',
    ],
    [
      'in Python, before pass',
      'a.py',
      'def f(x):\n    return x\n',
      'def f(x):\n    # same as before\n    pass\n',
    ],
    [
      'in Python, constants',
      'a.py',
      'A = 1\nB = 2\n\ndef f():\n    return A\n',
      '# existing constants\n\ndef f():\n    return 1\n',
    ],
  ])('%s', (_what, path, before, after) => {
    expect(findOmission(after, before, { path })).toBeDefined()
  })
})

describe('an ordinary remark in complete code', () => {
  test.each<[string, string, string, string]>([
    [
      'about the text that is worked on',
      'a.js',
      '',
      'export function f(text) {\n  // the rest of the text stays unchanged\n  return text.trim()\n}\n',
    ],
    [
      'the same in a function that got shorter',
      'a.js',
      'export function f(text) {\n  const a = text\n  return a\n}\n',
      'export function f(text) {\n  // the rest of the text stays unchanged\n  return text.trim()\n}\n',
    ],
    [
      'behind code',
      'a.js',
      '',
      'export function f(x) {\n  const y = [...x] // ... and so on\n  return y\n}\n',
    ],
    [
      'behind code, about lines',
      'a.js',
      '',
      'export function f(x) {\n  y = x.slice(1) // rest of the lines\n  return y\n}\n',
    ],
    [
      'about files',
      'a.js',
      '',
      'export function f(x) {\n  // other files remain unchanged\n  return x\n}\n',
    ],
    [
      'that leads to what follows',
      'a.js',
      '',
      '// Other helper functions below\nfunction g() {\n  return 1\n}\nexport const f = g\n',
    ],
    [
      'a heading',
      'a.js',
      'export const a = 1\n',
      '// Existing functions\nexport const a = 1\n// Other methods\nexport const b = 2\n',
    ],
    [
      'about the same line, in Python',
      'a.py',
      '',
      'def f(text):\n    # the remaining lines are kept as they are\n    return text\n',
    ],
    [
      'about what the rest holds, in Python',
      'a.py',
      'def f(x):\n    return x\n',
      'def f(x):\n    first, *rest = x\n    # the rest is unchanged\n    return rest\n',
    ],
    [
      'in a long function that is changed',
      'a.js',
      'export function f(x) {\n  a()\n  b()\n  return x\n}\n',
      'export function f(x) {\n  a()\n  // everything else stays the same\n  b()\n  c()\n  return x\n}\n',
    ],
    [
      'an empty function that is meant so',
      'a.js',
      '',
      'export function noop() {\n  // there is nothing to do\n}\n',
    ],
  ])('%s', (_what, path, before, after) => {
    expect(findOmission(after, before, { path })).toBeUndefined()
  })
})
