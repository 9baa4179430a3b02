// No answer, however odd, makes the reading of it slower than its length says.
import { expectLinear } from '../../../test/support/growth.ts'
import { answerOf, extractObject } from './answer.ts'
import { withoutThinking } from '../../api/thoughts.ts'
import { extractBlocks } from './blocks.ts'
import { fitValue, validateValue } from './schema.ts'
import { createWatchdog } from './watchdog.ts'

const more = {
  'ticks behind a brace': (length: number) => `{"a":1${'`'.repeat(length)}x`,
  'comments without quotes': (length: number) => `{a: 1,\n${'// a '.repeat(length / 5)}\n}`,
  'comments before a quote': (length: number) => `{a: 1 ${' //'.repeat(length / 3)}"`,
  'lists in lists': (length: number) => `{"a":${'['.repeat(length)}`,
  'stars around a path': (length: number) => `\`\`\`${'*'.repeat(length)}a.js\n`,
  'one long line before a fence': (length: number) =>
    `${'`a` '.repeat(length / 4)}\n\`\`\`js\na\n\`\`\``,
}
const schema = {
  type: 'object',
  required: ['a'],
  properties: { a: { type: 'array', maxItems: 4, items: { type: 'string' } } },
}

expectLinear('extractBlocks', extractBlocks, more)
expectLinear(
  'extractObject',
  (text) => extractObject(text, (value) => ({ value, problems: ['no'] })),
  more,
)
expectLinear('withoutThinking', withoutThinking)
expectLinear('createWatchdog', (text) => createWatchdog().push(text))
expectLinear('fitValue and validateValue', (text) => {
  const value = fitValue(schema, { a: [text, text], b: text })
  return validateValue(schema, value)
})
expectLinear('answerOf', (text) => answerOf({ verb: 'decide', schema }, { text, cut: false }, 400))
