import { describe, expect, test } from 'vitest'
import { fitValue, lintSchema, validateValue } from './schema.ts'

const good = {
  type: 'object',
  required: ['a_list', 'b_kind', 'c_ok'],
  properties: {
    a_list: {
      type: 'array',
      minItems: 1,
      maxItems: 2,
      items: {
        type: 'object',
        required: ['a_n'],
        properties: { a_n: { type: 'integer', minimum: 0, maximum: 3 } },
      },
    },
    b_kind: { type: 'string', enum: ['one', 'unsure'] },
    c_ok: { type: 'boolean' },
  },
} as const

describe('lintSchema', () => {
  test('accepts the subset', () => {
    expect(lintSchema(good)).toEqual([])
  })
  test.each([
    ['an optional key', { ...good, required: ['a_list', 'b_kind'] }, 'not required'],
    ['a union', { anyOf: [good] }, 'no supported type'],
    [
      'keys out of order',
      {
        type: 'object',
        required: ['b', 'a'],
        properties: { b: { type: 'boolean' }, a: { type: 'boolean' } },
      },
      'alphabetical',
    ],
    [
      'an array without an upper bound',
      {
        type: 'object',
        required: ['a'],
        properties: { a: { type: 'array', items: { type: 'boolean' } } },
      },
      'maxItems',
    ],
    [
      'a pattern',
      { type: 'object', required: ['a'], properties: { a: { type: 'string', pattern: '^x$' } } },
      'uses pattern',
    ],
    [
      'a name that is not ASCII',
      { type: 'object', required: ['ä'], properties: { ä: { type: 'boolean' } } },
      'ASCII',
    ],
  ])('refuses %s', (_, schema, want) => {
    expect(lintSchema(schema).join('\n')).toContain(want)
  })
})

describe('validateValue', () => {
  test('accepts a value that follows the schema, with keys to spare', () => {
    const value = { a_list: [{ a_n: 3, extra: 1 }], b_kind: 'one', c_ok: false }
    expect(validateValue(good, value)).toEqual([])
  })
  test.each([
    ['a missing key', { a_list: [{ a_n: 1 }], b_kind: 'one' }, '$.c_ok is missing'],
    ['a value outside an enum', { a_list: [{ a_n: 1 }], b_kind: 'x', c_ok: true }, '$.b_kind'],
    [
      'too many items',
      { a_list: [1, 2, 3].map((a_n) => ({ a_n })), b_kind: 'one', c_ok: true },
      'above 2',
    ],
    ['a number out of bounds', { a_list: [{ a_n: 4 }], b_kind: 'one', c_ok: true }, 'above 3'],
    ['a fraction', { a_list: [{ a_n: 0.5 }], b_kind: 'one', c_ok: true }, 'not an integer'],
    ['null', null, '$ is not an object'],
  ])('refuses %s', (_, value, want) => {
    expect(validateValue(good, value).join('\n')).toContain(want)
  })
})

describe('fitValue', () => {
  const value = { a_list: [{ a_n: 2 }], b_kind: 'one', c_ok: true }
  test.each<[string, unknown]>([
    [
      'numbers and truth values written as text',
      { ...value, a_list: [{ a_n: '2' }], c_ok: 'True' },
    ],
    ['a choice in another case of letters', { ...value, b_kind: ' ONE' }],
    ['keys that nobody asked for', { ...value, __proto__x: 1, note: 'x' }],
  ])('puts right %s', (_, given) => {
    expect(fitValue(good, given)).toEqual(value)
  })
  test.each<[string, unknown]>([
    ['a number out of words', { ...value, a_list: [{ a_n: 'two' }] }],
    ['a choice that is none', { ...value, b_kind: 'three' }],
    ['a missing key', { a_list: [], b_kind: 'one' }],
    ['another kind of value', 'text'],
  ])('does not guess %s', (_, given) => {
    expect(fitValue(good, given)).toEqual(given)
    expect(validateValue(good, fitValue(good, given))).not.toEqual([])
  })
  test('makes a list of one text where texts are wanted', () => {
    const list = { type: 'array', maxItems: 2, items: { type: 'string' } }
    expect(fitValue(list, 'src/a.js')).toEqual(['src/a.js'])
  })
})
