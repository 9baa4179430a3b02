import { expect, test } from 'vitest'
import { isNeededAtRunTime, isShipped, isSyntaxError } from './operator-stage.ts'

test.each([
  ['operator/main.ts', true],
  ['operator/dashboard/web/index.html', true],
  ['operator/main.test.ts', false],
  ['operator/Dockerfile', false],
  ['forge/templates/node/test/app.test.ts', true],
  ['knowledge/patterns/rest-api.md', true],
])('%s is shipped: %s', (path, want) => {
  expect(isShipped(path)).toBe(want)
})

test.each([
  ['yaml/dist/doc/directives.js', true],
  ['zod/LICENSE', true],
  ['zod/package.json', true],
  ['undici/lib/llhttp/llhttp.wasm', true],
  ['zod/index.d.ts', false],
  ['zod/index.d.cts', false],
  ['zod/index.js.map', false],
])('%s is needed at run time: %s', (path, want) => {
  expect(isNeededAtRunTime(path)).toBe(want)
})

test.each([
  ["operator/a.ts(1,2): error TS1005: ';' expected.", true],
  ["operator/a.ts(1,2): error TS18048: 'x' is possibly 'undefined'.", false],
  ["operator/a.ts(1,2): error TS2304: Cannot find name 'x'.", false],
])('%s is a syntax error: %s', (line, want) => {
  expect(isSyntaxError(line)).toBe(want)
})
