import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { withoutThinking } from '../../api/thoughts.ts'
import { answerOf, extractObject } from './answer.ts'
import { ModelError } from '../errors.ts'
import { isRecord, validateValue } from './schema.ts'

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
      // Nothing but thoughts leaves no blocks, and is told.
      if (withoutThinking(text).trim() === '') return
      const { blocks } = answerOf({ verb: 'write' }, { text, cut: false }, 100)
      for (const block of blocks) {
        for (const line of block.text.split('\n')) expect(text).toContain(line)
        expect(block.path ?? 'x').toMatch(/^[\w.@+/-]+$/)
      }
    }),
    { numRuns: 1000 },
  )
})

const fence = '```'
const wantsA = (value: unknown) => ({
  value,
  problems: isRecord(value) && ['number', 'string'].includes(typeof value['a']) ? [] : ['no a'],
})

describe('extractObject', () => {
  const cases: readonly {
    readonly name: string
    readonly answer: string
    readonly want: { readonly value: unknown; readonly place: string } | undefined
  }[] = [
    {
      name: 'takes the whole answer',
      answer: ' {"a":1}\n',
      want: { value: { a: 1 }, place: 'whole' },
    },
    {
      name: 'takes a fenced object',
      answer: `Sure!\n${fence}json\n{"a":1}\n${fence}\nDone.`,
      want: { value: { a: 1 }, place: 'fence' },
    },
    {
      name: 'takes the first object in prose that fits, braces in strings not counted',
      answer: 'Given {"b":2} I answer {"a":"}{"} as asked.',
      want: { value: { a: '}{' }, place: 'prose' },
    },
    {
      name: 'reads what people write for JSON',
      answer: "{a: 'one', // the first\n 'b': True,}",
      want: { value: { a: 'one', b: true }, place: 'whole' },
    },
    {
      name: 'opens an object that holds the answer',
      answer: '{"answer":{"a":1}}',
      want: { value: { a: 1 }, place: 'whole' },
    },
    {
      name: 'closes what lacks nothing but its last brackets',
      answer: '{"a":1,"b":[{"c":"}"',
      want: { value: { a: 1, b: [{ c: '}' }] }, place: 'unclosed' },
    },
    {
      name: 'does not close a text that was cut',
      answer: '{"b":2,"a":"on',
      want: undefined,
    },
    {
      name: 'ignores thoughts whose beginning is not seen',
      answer: 'I think {"a":1} is wrong.\n</think>\n{"a":2}',
      want: { value: { a: 2 }, place: 'whole' },
    },
    {
      name: 'finds nothing in thoughts without an end',
      answer: '<think>{"a":1} or {"a":2}?',
      want: undefined,
    },
    {
      name: 'finds nothing where there is no object',
      answer: '[1,2] and no more',
      want: undefined,
    },
  ]
  test.each(cases)('$name', ({ answer, want }) => {
    const found = extractObject(answer, wantsA)
    expect(found && { value: found.value, place: found.place }).toEqual(want)
  })

  test('rejects the schema given back as the answer', () => {
    const echo = JSON.stringify({ type: 'object', a: 1, properties: { a: { type: 'integer' } } })
    expect(extractObject(echo, wantsA)?.problems).toEqual(['it is the schema, not an answer'])
  })
})

describe('an answer of nothing but thoughts is told as such', () => {
  test.each([
    ['apart from the text', { text: '', thoughtChars: 40, cut: false }],
    ['apart from blanks', { text: '\n \n', thoughtChars: 40, cut: false }],
    ['that end', { text: '<think>Hm.</think>\n', cut: false }],
    ['that never end', { text: '<think>Hm. Let me see', cut: false }],
    ['of which only the end is seen', { text: 'Hm. Let me see\n</think>\n', cut: false }],
    ['in brackets', { text: '[THINK]Hm.[/THINK]', cut: false }],
    ['that were cut off', { text: '', thoughtChars: 40, cut: true }],
    ['in the text that were cut off', { text: '<think>Hm. Let', cut: true }],
  ])('%s', (_, answer) => {
    for (const verb of ['decide', 'write'] as const)
      expect(() => answerOf({ verb }, answer, 100)).toThrow(
        /the model (?:only thought|thought for 100 tokens).*use a model that does not think/,
      )
  })

  test.each([
    ['nothing at all', { text: ' ', cut: false }, /^the answer was empty$/],
    ['an answer that was cut', { text: '```js\nlet a', cut: true }, /was longer than 100 tokens/],
    [
      'thoughts and an answer that was cut',
      { text: 'let', thoughtChars: 9, cut: true },
      /was longer than 100 tokens/,
    ],
  ])('and not %s', (_, answer, want) => {
    expect(() => answerOf({ verb: 'write' }, answer, 100)).toThrow(want)
  })
})
