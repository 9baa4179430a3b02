// What the runner for Node says of honest and of careless test files.
import { expect, test } from 'vitest'
import { runCases, useRunner, whole } from '../../../test/support/agent/runner-fixture.ts'

useRunner()

const head = `import { after, afterEach, before, beforeEach, describe, it, test } from 'node:test'
import assert, { equal } from 'node:assert/strict'
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
`
const differ = (left: string, right: string): string =>
  `AssertionError: Expected values to be strictly equal:\n\n${left} !== ${right}\n`
const late = '\n(this error came after the test had ended)'

test('fails the test that an error belongs to which comes after its end', async () => {
  const bodies = {
    timer: `setTimeout(() => { assert.equal(1, 2) }, 30)`,
    'a long timer': `setTimeout(() => { assert.equal(1, 2) }, 1500)`,
    'a chain of timers': `setTimeout(() => setTimeout(() => setImmediate(() => { assert.equal(1, 2) }), 40), 40)`,
    'a promise': `Promise.resolve(1).then((value) => { assert.equal(value, 2) })`,
    'an async helper': `(async () => { await sleep(20); assert.equal(1, 2) })()`,
    'a callback of fs': `readFile('package.json', () => { assert.equal(1, 2) })`,
    'a promise of fs': `promises.readFile('package.json').catch(() => 0).then(() => { assert.equal(1, 2) })`,
    hashing: `scrypt('a', 'b', 64, { N: 16384 }, () => { assert.equal(1, 2) })`,
    'a message': `{ const { port1, port2 } = new MessageChannel(); port2.onmessage = () => { assert.equal(1, 2) }; port1.postMessage(1) }`,
    'an event of a request': `{ const server = createServer((_, response) => response.end()).listen(0, () => { fetch('http://localhost:' + server.address().port).then(() => { assert.equal(1, 2) }) }) }`,
    nextTick: `process.nextTick(() => { assert.equal(1, 2) })`,
  }
  const imports = `import { createServer } from 'node:http'\nimport { readFile, promises } from 'node:fs'\nimport { scrypt } from 'node:crypto'\n`
  const { of } = await runCases(
    Object.fromEntries(
      Object.entries(bodies).map(([name, body]) => [
        name,
        `${head}${imports}test('first', () => { assert.ok(true) })\ntest('late', () => { ${body} })\n`,
      ]),
    ),
  )
  for (const name of Object.keys(bodies)) {
    const { passed, failed } = of(name)
    expect({ name, passed, failed }).toEqual({
      name,
      passed: ['first'],
      failed: [`late: ${differ('1', '2')}${late}`],
    })
  }
}, 180_000)

test('fails a test of which an assertion fails after its end, though somebody handles that', async () => {
  const bodies = {
    'a race that is won': `await Promise.race([sleep(1), sleep(20).then(() => assert.equal(1, 2))])`,
    'a race with the clock': `await Promise.race([sleep(2), (async () => { await sleep(15); assert.equal(1, 2) })()])`,
    'a promise with a handler': `sleep(10).then(() => assert.equal(1, 2)).catch(() => {})`,
  }
  const { of } = await runCases(
    Object.fromEntries(
      Object.entries(bodies).map(([name, body]) => [
        name,
        `${head}test('first', async () => { assert.ok(true); ${body} })\ntest('second', async () => { await sleep(60); assert.ok(true) })\n`,
      ]),
    ),
  )
  for (const name of Object.keys(bodies)) {
    const { passed, failed } = of(name)
    expect({ name, passed, failed }).toEqual({
      name,
      passed: ['second'],
      failed: [`first: ${differ('1', '2')}${late}`],
    })
  }
}, 120_000)

test('does not let project code keep a late error from being seen', async () => {
  const ways = {
    'its own listener': `process.on('uncaughtException', () => {})`,
    'no other listeners': `process.removeAllListeners(); process.on('uncaughtException', () => {})`,
    'a capture callback': `process.setUncaughtExceptionCaptureCallback(() => {})`,
    'another emit': `process.emit = () => true`,
    'an exit at once': `after(() => process.exit(0))`,
    'an exit in a timer': `after(() => { setTimeout(() => process.exit(0), 5) })`,
    'an exit in a test that is over': `test('x', () => { setTimeout(() => process.exit(0), 40) })`,
  }
  const { of } = await runCases(
    Object.fromEntries(
      Object.entries(ways).map(([name, way]) => [
        name,
        `${head}${way}\ntest('late', () => { setTimeout(() => { assert.equal(1, 2) }, 60) })\n`,
      ]),
    ),
  )
  for (const name of Object.keys(ways))
    expect([name, of(name).failed]).toEqual([name, [`late: ${differ('1', '2')}${late}`]])
}, 120_000)

test('blames the file for an error that belongs to no test', async () => {
  const { of } = await runCases({
    'a timer outside of tests': `${head}setTimeout(() => { throw new Error('boom') }, 50)\ntest('x', () => {})\n`,
    'a hook around the file': `${head}after(() => { throw new Error('boom') })\ntest('x', () => {})\n`,
    'a listener to the exit': `${head}process.on('exit', () => { assert.equal(1, 2) })\ntest('x', () => {})\n`,
    'an exit code': `${head}test('x', () => { process.exitCode = 3 })\n`,
  })
  expect(of('a timer outside of tests').failed).toEqual([whole(`Error: boom${late}`)])
  expect(of('a hook around the file').failed).toEqual([whole(`Error: boom${late}`)])
  expect(of('a listener to the exit').failed).toEqual([whole(differ('1', '2') + late)])
  expect(of('an exit code').failed).toEqual([
    whole(`Error: the file set process.exitCode to 3${late}`),
  ])
  expect(of('an exit code').passed).toEqual(['x'])
}, 60_000)

test('takes nothing amiss that stays open or ends the process when all is done', async () => {
  const ends = {
    'a server': `createServer().listen(0)`,
    'an interval': `setInterval(() => {}, 10)`,
    'a worker': `new Worker('setInterval(() => {}, 100)', { eval: true })`,
    'a child': `spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])`,
    'an exit after all': `after(() => process.exit(0))`,
    'an exit with a code': `after(() => setTimeout(() => process.exit(1), 1))`,
    'a long timer': `setTimeout(() => {}, 100_000)`,
    'a listener of its own': `process.on('exit', () => {}); process.once('uncaughtException', () => {})`,
  }
  const imports = `import { createServer } from 'node:http'\nimport { Worker } from 'node:worker_threads'\nimport { spawn } from 'node:child_process'\n`
  const { of, run } = await runCases(
    Object.fromEntries(
      Object.entries(ends).map(([name, way]) => [
        name,
        `${head}${imports}${way}\ntest('x', () => { assert.ok(1) })\n`,
      ]),
    ),
  )
  expect(run.problems).toEqual([])
  for (const name of Object.keys(ends))
    expect([name, of(name).passed, of(name).failed]).toEqual([name, ['x'], []])
}, 120_000)

test('counts assertions by test, whoever makes them', async () => {
  const { of } = await runCases({
    'at once': `${head}
describe('all', { concurrency: true }, () => {
  it('a', async () => { await sleep(20); assert.ok(1) })
  it('b', async () => { await sleep(10); assert.ok(1); assert.ok(1) })
})
`,
    ways: {
      'helper.js': `import assert from 'node:assert'\nexport const check = () => assert.deepEqual([1], [1])\n`,
      'test/a.test.js': `${head}
import loose from 'node:assert'
import { createRequire } from 'node:module'
const required = createRequire(import.meta.url)('assert')
import { createServer } from 'node:http'
import { check } from '../helper.js'
test('none', () => {})
test('never called', () => { [].forEach(() => assert.equal(1, 2)) })
test('two', () => { assert.equal(1, 1); equal(1, 1) })
test('callable', () => { assert(true); loose(true); required(true) })
test('context', (t) => { t.assert.equal(1, 1); t.assert.ok(1) })
test('plan', (t) => { t.plan(2); t.assert.ok(1); t.assert.ok(1) })
test('rejects', async () => { await assert.rejects(async () => { throw new Error('x') }) })
test('throws counts once', () => { assert.throws(() => { assert.equal(1, 2) }) })
test('helper', () => { check() })
test('parts', async (t) => { assert.ok(1); await t.test('part', () => { assert.ok(1); assert.ok(1) }) })
test('instance', () => { new loose.Assert().equal(1, 1) })
let url
const server = createServer((request, response) => { assert.equal(request.url, '/'); response.end() })
before(async () => { await new Promise((done) => server.listen(0, done)); url = 'http://localhost:' + server.address().port })
after(() => server.close())
test('in a server of the file', async () => { await fetch(url) })
`,
    },
  })
  expect(of('at once').asserted).toEqual({ 'all > a': 1, 'all > b': 2 })
  expect(of('ways').failed).toEqual([])
  expect(of('ways').asserted).toEqual({
    two: 2,
    callable: 3,
    context: 2,
    plan: 2,
    rejects: 1,
    'throws counts once': 1,
    helper: 1,
    parts: 1,
    'parts > part': 2,
    instance: 1,
    'in a server of the file': 1,
  })
}, 60_000)

test('tells of an assertion that failed although its test passed', async () => {
  const { of } = await runCases({
    swallowed: `${head}
test('fail and catch', () => { try { assert.fail('must throw') } catch (error) { assert.ok(error) } })
test('an empty catch', () => { try { assert.equal(1, 2) } catch {} })
test('a promise that nobody looks at', async () => { await Promise.allSettled([(async () => { await 1; assert.equal(1, 2) })()]) })
test('a loop that goes on', () => { for (const one of [1, 2]) try { assert.equal(one, 3) } catch { continue } })
test('context', (t) => { try { t.assert.ok(false) } catch {} })
`,
    honest: `${head}
test('wanted', () => { assert.throws(() => assert.equal(1, 2), { name: 'AssertionError' }) })
test('wanted later', async () => { await assert.rejects(async () => { await 1; assert.equal(1, 2) }) })
test('wanted promise', async () => { await assert.rejects((async () => { await 1; assert.equal(1, 2) })()) })
test('tried again', async () => {
  let n = 0
  for (;;) try { assert.equal(++n, 3); break } catch { await sleep(5) }
})
test('waitFor', async (t) => { let n = 0; await t.waitFor(() => { assert.equal(++n, 3) }, { interval: 1 }) })
test('not reached', () => { try { JSON.parse('{'); assert.fail('must throw') } catch (error) { assert.equal(error.name, 'SyntaxError') } })
`,
  })
  expect(Object.keys(of('swallowed').swallowed)).toEqual([
    'fail and catch',
    'an empty catch',
    'a promise that nobody looks at',
    'a loop that goes on',
    'context',
  ])
  expect(of('swallowed').swallowed['fail and catch']).toBe('AssertionError: must throw')
  expect(of('honest').swallowed).toEqual({})
  expect(of('honest').failed).toEqual([])
}, 60_000)

test('takes no assertion for one that holds of every promise', async () => {
  const { of } = await runCases({
    doubtful: `${head}
const no = async () => false
test('ok', () => { assert.ok(no()) })
test('call', () => { assert(no()) })
test('not equal', () => { assert.notEqual(no(), undefined) })
test('context', (t) => { t.assert.ok(no()) })
`,
    honest: `${head}
const yes = async () => true
test('awaited', async () => { assert.ok(await yes()) })
test('is one', () => { assert.ok(yes() instanceof Promise) })
test('two', () => { assert.notEqual(yes(), yes()) })
test('the same', () => { const one = yes(); assert.equal(one, one) })
`,
  })
  expect(Object.keys(of('doubtful').swallowed)).toEqual(['ok', 'call', 'not equal', 'context'])
  expect(of('doubtful').swallowed['ok']).toContain('await it')
  expect(of('honest').swallowed).toEqual({})
  expect(of('honest').failed).toEqual([])
}, 60_000)

test('changes nothing of what assertions say and are', async () => {
  const { of } = await runCases({
    one: `${head}
import loose from 'node:assert'
const thrown = (run) => { try { run() } catch (error) { return error } }
test('names', () => {
  assert.ok(loose.strict === assert && assert.strict === assert && loose.ok === loose)
  assert.ok(assert.equal === assert.strictEqual && assert.equal === equal && loose.equal !== equal)
  assert.deepEqual([equal.name, equal.length, loose.ok.name], ['strictEqual', 3, 'ok'])
  assert.ok(thrown(() => assert.equal(1, 2)) instanceof loose.AssertionError)
})
test('stack', () => {
  const { stack } = thrown(() => assert.deepEqual([1], [2]))
  const first = stack.split('\\n').find((line) => line.startsWith('    at '))
  assert.match(first, /a\\.test\\.js:\\d+:\\d+/)
  assert.doesNotMatch(thrown(() => assert.equal(1)).stack, /programs/)
})
test('message', () => {
  const one = thrown(() => assert.ok([1].includes(2), undefined))
  assert.equal(one.message, 'The expression evaluated to a falsy value:\\n\\n  assert.ok([1].includes(2), undefined)\\n')
  assert.equal(thrown(() => assert(0 > "(".length)).message, 'The expression evaluated to a falsy value:\\n\\n  assert(0 > "(".length)\\n')
  assert.equal(thrown(() => assert.ok(false, 'mine')).message, 'mine')
  assert.equal(thrown(() => assert.match('a', /b/)).generatedMessage, true)
})
test('rejection', async () => {
  const error = await assert.rejects(Promise.resolve(1)).catch((error) => error)
  assert.equal(error.message, 'Missing expected rejection.')
  await assert.doesNotReject(Promise.resolve(1))
  assert.doesNotMatch('a', /b/)
})
test('instances', () => { assert.ok(new loose.Assert() instanceof loose.Assert) })
`,
  })
  expect(of('one').failed).toEqual([])
  expect(of('one').passed).toHaveLength(5)
}, 60_000)
