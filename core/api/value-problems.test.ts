import { expect, test } from 'vitest'
import { z } from 'zod'
import { devRequestSpec } from './devrequest.ts'
import { languageModelSpec } from './language-model.ts'
import { answerAs, problemsOf } from './value-problems.ts'

/** Zod's own words. */
const foreign = /Too (?:small|big)|Invalid|expected|received|Unrecognized|>=|<=|pattern/

const unit = { name: 'a', goal: 'g', files: ['a.js'], doneWhen: 'w' }
const request = (over: object) => [devRequestSpec, { request: 'x', ...over }] as const

test.each<[string, readonly [z.ZodType, unknown], string]>([
  ['an empty request', request({ request: '' }), 'request: is empty'],
  ['no request', [devRequestSpec, {}], 'request: is missing'],
  ['a number for a request', request({ request: 7 }), 'request: has to be a text, and is 7'],
  [
    'a long request',
    request({ request: 'x'.repeat(16_385) }),
    'request: has more than 16384 characters',
  ],
  [
    'an unknown priority',
    request({ priority: 'soon' }),
    'priority: has to be critical or high or normal or low, and is "soon"',
  ],
  [
    'a limit of nothing',
    request({ limits: { maxTasks: 0 } }),
    'limits.maxTasks: is 0, and has to be 1 at least',
  ],
  [
    'a large limit',
    request({ limits: { maxTasks: 99 } }),
    'limits.maxTasks: is 99, and may be 50 at most',
  ],
  [
    'half a task',
    request({ limits: { maxTasks: 1.5 } }),
    'limits.maxTasks: has to be a whole number, and is 1.5',
  ],
  ['no units', request({ plan: { units: [] } }), 'plan.units: is empty'],
  [
    'units that are no list',
    request({ plan: { units: 'a' } }),
    'plan.units: has to be a list, and is "a"',
  ],
  [
    'too many files',
    request({ plan: { units: [{ ...unit, files: Array.from({ length: 7 }, () => 'a') }] } }),
    'plan.units.0.files: has more than 6 entries',
  ],
  [
    'a path outside',
    request({ plan: { units: [{ ...unit, files: ['../x'] }] } }),
    'a path has letters and digits of any script',
  ],
  ['ssh', request({ source: { git: { url: 'git@h:a/b' } } }), 'ssh is not supported'],
  ['a list for true', request({ suspend: [] }), 'suspend: has to be true or false, and is a list'],
  ['a model without a name', [languageModelSpec, {}], 'model: is missing'],
  [
    'an unknown tier',
    [languageModelSpec, { model: 'a', tier: 'best' }],
    'tier: has to be weak or basic or good, and is "best"',
  ],
  [
    'an address',
    [z.object({ url: z.url() }), { url: 'host' }],
    'url: has to be an address, as in http://host:port, and is "host"',
  ],
  [
    'a misspelt field',
    [z.strictObject({ a: z.string() }), { a: 'x', b: 1 }],
    'has the field b, which is not known',
  ],
  [
    'one of several shapes',
    [z.object({ a: z.union([z.string(), z.null()]) }), { a: {} }],
    'a: is an object, which cannot be used',
  ],
  [
    'null',
    [z.object({ a: z.record(z.string(), z.string()) }), { a: null }],
    'a: has to be an object with fields, and is null',
  ],
])('%s is told in words of ours, not of zod', (_, [schema, value], want) => {
  const { error } = schema.safeParse(value)
  const told = error === undefined ? '' : problemsOf(error)
  expect(told).toContain(want)
  expect(told).not.toMatch(foreign)
})

test('a server that answers something else is named with the field', () => {
  const read = () => answerAs(z.object({ models: z.array(z.string()) }), { models: 3 }, 'http://h')
  expect(read).toThrow(
    /^http:\/\/h answered with something else than expected: models: has to be a list, and is 3$/,
  )
})
