import { expect, test } from 'vitest'
import { frameworksOf, testScriptOf } from './test-script.ts'

test.each<[string, readonly string[] | undefined, Record<string, string>?]>([
  ['node --test', []],
  ['node --test test/*.test.js', []],
  ['node --test --test-reporter spec "test/**/*.js"', []],
  ['node --import ./setup.js --test', ['--import=./setup.js']],
  ['node --import=./a.js --import ./b.js --test', ['--import=./a.js', '--import=./b.js']],
  ['node -r ./a.cjs --test', ['--require=./a.cjs']],
  ['node --test -r dotenv/config test', ['--require=dotenv/config']],
  ['node --loader ts-node/esm --test', ['--loader=ts-node/esm']],
  ['node --experimental-loader=./l.mjs --test', ['--loader=./l.mjs']],
  ['node -C test --conditions=dev --test', ['--conditions=test', '--conditions=dev']],
  ['node --env-file .env.test --test', ['--env-file=.env.test']],
  ['node --env-file-if-exists=.env --test', ['--env-file-if-exists=.env']],
  [
    'node --experimental-vm-modules --no-warnings --test',
    ['--experimental-vm-modules', '--no-warnings'],
  ],
  ['node --experimental-test-module-mocks --test', ['--experimental-test-module-mocks']],
  ['node --experimental-test-coverage --test --test-concurrency=1', []],
  ['node --inspect-brk --watch --test-only --test', []],
  ['node --test --test-name-pattern "a b" --expose-gc', ['--expose-gc']],
  ['MODE=test node --test', [], { MODE: 'test' }],
  [`A=1 B='two words' C="x y" node --test`, [], { A: '1', B: 'two words', C: 'x y' }],
  ['cross-env TZ=UTC node --test', [], { TZ: 'UTC' }],
  ['NODE_OPTIONS="--import ./a.js" X=1 node --test', ['--import=./a.js'], { X: '1' }],
  ['NODE_OPTIONS=--inspect node --test', []],
  ['jest', undefined],
  ['node test/run.js', undefined],
  ['node test/run.js --test', undefined],
  ['npm run build && node --test', undefined],
  ['node --test; rm -rf /', undefined],
  ['node --test > out.txt', undefined],
  ['node --import $(cat x) --test', undefined],
  ["node --import './a.js --test", undefined],
  ['c8 node --test', undefined],
  ['', undefined],
])('%s', (script, nodeArgs, env = {}) => {
  expect(testScriptOf(script)).toEqual(nodeArgs === undefined ? undefined : { nodeArgs, env })
})

test.each<[string, readonly string[], readonly string[]]>([
  ['', [], []],
  ['', ['vitest', 'typescript'], ['vitest']],
  ['jest --ci', [], ['jest']],
  ['cross-env CI=1 mocha -r ts-node/register', ['chai', 'mocha'], ['mocha']],
  ['npx ava', [], ['ava']],
  ['tsc && jasmine', [], ['jasmine']],
  ['node test/jest-helper.js', ['jest-helper', 'javascript', 'tape'], []],
  ['', ['mocha', '@jest/globals'], ['mocha', '@jest/globals']],
])('the frameworks of a package that runs %j and needs %j', (test, dependencies, want) => {
  expect(frameworksOf({ scripts: { test }, dependencies })).toEqual(want)
})
