import fc from 'fast-check'
import { expect, test } from 'vitest'
import { answerOf } from './answer.ts'
import { ModelError } from '../errors.ts'
import { validateValue } from './schema.ts'

const schema = {
  type: 'object',
  required: ['a_list', 'b_kind', 'c_ok'],
  properties: {
    a_list: { type: 'array', maxItems: 2, items: { type: 'integer', minimum: 0 } },
    b_kind: { type: 'string', enum: ['one', 'two'] },
    c_ok: { type: 'boolean' },
  },
}
const value = { a_list: [1, 2], b_kind: 'two', c_ok: true }

const part = fc.oneof(
  fc.constantFrom(
    ...'{}[]",:\'`\n\\ 0-'.split(''),
    '```json\n',
    '~~~',
    '<think>',
    '</think>',
    '//',
  ),
  fc.constantFrom(
    '"a_list"',
    'b_kind',
    "'two'",
    'True',
    '[1,2]',
    '&a',
    '*a',
    '"\\u0000"',
    '__proto__',
  ),
  fc.constant(JSON.stringify(value)),
  fc.string({ unit: 'binary', maxLength: 12 }),
)

test('whatever is said, a decision follows the schema or is told to be unusable', () => {
  let followed = 0
  fc.assert(
    fc.property(fc.array(part, { maxLength: 14 }), (parts) => {
      const text = parts.join('')
      try {
        const read = answerOf({ verb: 'decide', schema }, { text, cut: false }, 100)
        expect(validateValue(schema, read.value)).toEqual([])
        expect(Object.keys(Object(read.value)).toSorted()).toEqual(schema.required)
        followed++
      } catch (error) {
        if (!(error instanceof ModelError)) throw error
        expect(error).toMatchObject({ code: 'OutputUnusable', text })
      }
    }),
    { numRuns: 2000 },
  )
  expect(followed).toBeGreaterThan(100)
})

test('whatever is said, the blocks of an answer stand in it line by line', () => {
  fc.assert(
    fc.property(fc.array(part, { maxLength: 14 }), (parts) => {
      const text = parts.join('') || ' .'
      if (text.trim() === '') return
      const { blocks } = answerOf({ verb: 'write' }, { text, cut: false }, 100)
      for (const block of blocks) {
        for (const line of block.text.split('\n')) expect(text).toContain(line)
        expect(block.path ?? 'x').toMatch(/^[\w.@+/-]+$/)
      }
    }),
    { numRuns: 1000 },
  )
})
