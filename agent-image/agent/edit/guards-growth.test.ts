// The guards take linear time on any text, whatever a model or a project writes.
import { chooseBlock, cleanPath } from './choose-block.ts'
import { findSecret, refuse } from './guards.ts'
import { findOmission } from './omission.ts'
import { expectLinear } from '../../../test/support/growth.ts'

const more = {
  'comments on one line': (n: number) => '// existing file '.repeat(n / 17),
  'links on one line': (n: number) => "'https://example.com/other/file/1', ".repeat(n / 36),
  'beginnings of secrets': (n: number) => 'eyJaaaaaaaaaaaaaaaaaaaaaa-'.repeat(n / 26),
} as const

for (const path of ['a.md', 'a.go', 'a.css'])
  expectLinear(
    `refuse of ${path}`,
    (text) =>
      refuse({ path, text, before: undefined, allowed: [path], requested: '', mayShrink: true }),
    more,
  )
expectLinear('findOmission', (text) => findOmission(text), more)
expectLinear('findSecret', (text) => findSecret(text), more)
expectLinear('cleanPath', (text) => cleanPath(text), more)
expectLinear('chooseBlock', (text) => chooseBlock([{ text, path: text }, { text }], 'a.md'), more)
