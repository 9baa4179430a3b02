import { expect, test } from 'vitest'
import { milliseconds } from './program.ts'
import { asTyped, workingDirectory } from './terminal.ts'

test.each([
  ['30', 30_000],
  ['1.5s', 1500],
  ['10m', 600_000],
  ['2h', 7_200_000],
])('%s is %i ms', (text, want) => {
  expect(milliseconds(text)).toBe(want)
})

test.each(['', 'm', '5 min', '-3s'])('"%s" is no duration', (text) => {
  expect(() => milliseconds(text)).toThrow(/30s, 10m or 2h/)
})

test('paths are meant from where the person stands, not from where npm runs us', () => {
  const env = { npm_lifecycle_event: 'guild', INIT_CWD: '/home/ada' }
  expect(workingDirectory(env)).toBe('/home/ada')
  expect(workingDirectory({ INIT_CWD: '/home/ada' })).toBe(process.cwd())
})

test('in the clone the next command is named with npm before it', () => {
  expect(asTyped('guild list', { npm_lifecycle_event: 'guild' })).toBe('npm run -s guild -- list')
  expect(asTyped('guild list', { npm_lifecycle_event: 'demo' })).toBe('npm run -s guild -- list')
  expect(asTyped('guild list', {})).toBe('guild list')
  expect(asTyped('git switch guild/a', { npm_lifecycle_event: 'guild' })).toBe('git switch guild/a')
})
