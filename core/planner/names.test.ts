import { expect, test } from 'vitest'
import { taskName, unitName } from './names.ts'

test.each([
  [{ goal: 'x', files: ['src/slug.js'] }, 'slug'],
  [{ goal: 'x', files: ['src/userStore.test.js'] }, 'user-store-test'],
  [{ goal: 'Create the HTTP server with routes', files: ['src/index.js'] }, 'http-server-routes'],
  [{ goal: 'ünïcödé', files: [] }, 'n-c'],
  [{ goal: '…', files: [] }, 'unit'],
])('a unit is named after its file, else after its goal', (unit, want) => {
  expect(unitName(unit, new Set())).toBe(want)
})

test('a name that is taken gets a number and stays short', () => {
  const long = 'a'.repeat(30)
  const unit = { goal: '', files: [`src/${long}.js`] }
  expect(unitName(unit, new Set([long, `${'a'.repeat(28)}-2`]))).toBe(`${'a'.repeat(28)}-3`)
})

test('a task is named after request, action and unit; a long or dotted name gets a hash', () => {
  expect(taskName('hello', 'finish')).toBe('hello-finish')
  expect(taskName('hello', 'code', 'slug')).toBe('hello-code-slug')
  const long = taskName('r'.repeat(60), 'code', 'slug')
  expect(long).toMatch(/^r{54}-[0-9a-f]{8}$/)
  expect(long).not.toBe(taskName('r'.repeat(60), 'code', 'wrap'))
  expect(taskName('v1.2', 'code')).toMatch(/^v1-2-code-[0-9a-f]{8}$/)
})
