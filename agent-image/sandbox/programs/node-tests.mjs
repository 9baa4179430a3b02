// The tests of one file as Node's own test runner runs them, told one by one. Node's root test and its reporter are held
// directly: what is told comes from them, not from anything that project code could put in between.
// oxlint-disable typescript/unbound-method -- called by `apply` only, whatever becomes of the prototypes
import { createHook } from 'node:async_hooks'
import { after, describe as suite, getTestContext, test } from 'node:test'
import { counted, listener, loose, strict } from './node-assert.mjs'
import { config, cut, send, shortName } from './node-channel.mjs'
import { describe } from './node-errors.mjs'

const { apply, ownKeys } = Reflect
const { defineProperty, getPrototypeOf, getOwnPropertyDescriptor } = Object
const mapGet = WeakMap.prototype.get
const mapSet = WeakMap.prototype.set
const mapHas = WeakMap.prototype.has
const idGet = Map.prototype.get
const idSet = Map.prototype.set
const idDelete = Map.prototype.delete
const setAdd = WeakSet.prototype.add
const setHas = WeakSet.prototype.has
const { then } = Promise.prototype
const { replace, replaceAll } = String.prototype
const startsWith = String.prototype.startsWith
const slice = String.prototype.slice
const matches = RegExp.prototype.exec

/** By the context that a test is given, the test; by the test, what is known of it. */
const byContext = new WeakMap()
const states = new WeakMap()
const byId = new Map()
/** Errors that `assert.rejects` was waiting for. */
const consumed = new WeakSet()
/** Of tests in which an assertion failed after they had ended. */
const lateStates = []
/** Tests whose functions are running, the outermost first. */
let running = []
let reported = 0
let root
let canaries

/** The test (no suite, no hook) in whose asynchronous context this is called; undefined outside of all. */
export function currentTest() {
  const context = getTestContext()
  const found = context === undefined ? undefined : apply(mapGet, byContext, [context])
  return found?.reportedType === 'test' && found !== root ? found : undefined
}

/**
 * Begins Node's test runner in this process and listens to it. Each time when all tests that are known have ended,
 * `onClosing()` is called before the hooks around the file run, and `onClosed()` after them. Throws when this Node's
 * runner is not built as the one this was written for.
 */
export function beginTests({ onClosing, onClosed, isExit }) {
  root = captureRoot()
  const { reporter } = root
  const base = getPrototypeOf(root)
  if (typeof base.createSubtest !== 'function' || root.testId !== 0 || !reporter?.emit)
    throw new Error(`Node ${process.version}: its test runner is not one that can be listened to`)
  root.hooks.after.length = 0
  root.config.timeout = config.testMs
  const { emit } = reporter
  fix(reporter, 'push', () => true)
  fix(reporter, 'emit', function (type, data) {
    onEvent(type, data, isExit)
    return apply(emit, this, [type, data])
  })
  const { createSubtest } = base
  fix(base, 'createSubtest', function (...args) {
    // The body of a suite runs while the suite is made.
    const canary = canaries?.open
    const made = apply(createSubtest, this, args)
    register(made, canary)
    return made
  })
  const { run } = root
  fix(root, 'run', function (...args) {
    if (allEnded()) onClosing()
    const promise = apply(run, this, args)
    apply(then, promise, [onClosed, onClosed])
    return promise
  })
  apply(mapSet, byContext, [root.getCtx(), root])
  countContextAssertions(getPrototypeOf(root.getCtx()))
  Object.assign(listener, { begin, failed, passed, consumed: (error) => note(error) })
}

/** The root test is made with the first hook or test; a hook of ours, which goes again, brings it about. */
function captureRoot() {
  let found
  const hook = createHook({
    init(_id, type, _trigger, resource) {
      if (type === 'Test') found ??= resource
    },
  })
  // As in a child of `node --test`, `only` selects nothing; and there is no reporter whose output somebody reads.
  process.env.NODE_TEST_CONTEXT = 'guildhall'
  hook.enable()
  after(() => {})
  hook.disable()
  // The value that tests and the programs they start see under `node --test`.
  process.env.NODE_TEST_CONTEXT = 'child-v8'
  return found
}

function fix(object, key, value) {
  defineProperty(object, key, { value, writable: false, configurable: false, enumerable: false })
}

function register(made, canary) {
  apply(mapSet, states, [made, { asserted: 0, failing: [], number: 0, canary }])
  apply(idSet, byId, [made.testId, made])
  apply(mapSet, byContext, [made.getCtx(), made])
  // Hooks of the file's root run before and after each of its tests, but neither see the canaries nor touch them.
  if (canary === 'suite') fix(made, 'computeInheritedHooks', () => {})
}

/**
 * Adds the two canaries behind the tests that the file has: one has to fail with a message that nobody knows, one has to
 * pass. Whoever makes every test pass, or every one fail, gives himself away by them.
 */
export function addCanaries({ fails, passes, message, value, other }) {
  canaries = { open: 'suite' }
  suite(fails + passes, () => {
    canaries.open = 'fails'
    test(fails, () => {
      strict.equal(value, value)
      loose.ok(value)
      strict.deepEqual({ value }, { value })
      strict.equal(value, other, message)
    })
    canaries.open = 'passes'
    test(passes, () => {
      strict.equal(value, value)
      loose.notEqual(value, other)
    })
  })
  canaries = {}
}

/** Whether all tests have ended that have been defined so far. */
export function allEnded() {
  for (let at = 0; at < root.subtests.length; at++) if (!root.subtests[at].finished) return false
  return true
}

/** How many tests were told. */
export const toldTests = () => reported

/** Tells of an error that came when its test had ended already; without a test it is the file's. */
export function tellLate(owner, error) {
  const number = owner === undefined ? 0 : (apply(mapGet, states, [owner])?.number ?? 0)
  send({ kind: 'late', ...(number > 0 ? { number } : {}), ...describe(error) })
}

function onEvent(type, data, isExit) {
  if (type === 'test:dequeue') {
    const started = apply(idGet, byId, [data.testId])
    if (started?.reportedType !== 'test' || stateOf(started).canary !== undefined) return
    running[running.length] = started
    send({ kind: 'start', name: nameOf(started) })
  } else if (type === 'test:complete') {
    const left = []
    for (let at = 0; at < running.length; at++)
      if (running[at].testId !== data.testId) left[left.length] = running[at]
    running = left
  } else if (type === 'test:pass' || type === 'test:fail') {
    const ended = apply(idGet, byId, [data.testId])
    // The only result without a test is that of a hook around the whole file.
    if (ended === undefined) {
      const error = causeOf(data.details?.error)
      if (!isExit(error)) tellLate(undefined, error)
    } else tell(ended, data, type === 'test:fail')
    apply(idDelete, byId, [data.testId])
  }
}

function stateOf(one) {
  return apply(mapGet, states, [one]) ?? { asserted: 0, failing: [], number: 0 }
}

function tell(ended, data, isFailure) {
  const state = stateOf(ended)
  const error = data.details?.error
  if (state.canary !== undefined) return tellCanary(state.canary, data, isFailure, error)
  const derived = error?.failureType === 'subtestsFailed'
  const skipped = data.skip !== undefined || data.todo !== undefined
  // Of suites only those are told that were not run as they are: their tests speak for the others.
  if (ended.reportedType === 'suite' && !skipped && (!isFailure || derived)) return
  const expected = data.expectFailure !== undefined && !isFailure
  const status = skipped || expected ? 'skip' : isFailure ? 'fail' : 'pass'
  state.number = ++reported
  const line = { kind: 'test', number: state.number, name: nameOf(ended), status }
  if (ended.loc !== undefined && ended.loc.file !== config.file)
    line.from = relative(ended.loc.file)
  if (state.asserted > 0) line.asserted = state.asserted
  if (expected) line.message = 'it was expected to fail, and it did'
  if (status === 'fail') {
    const told = describe(causeOf(error))
    for (const key in told) line[key] = told[key]
    if (derived) line.derived = true
  }
  const swallowed = status === 'pass' ? swallowedBy(state) : undefined
  if (swallowed !== undefined) line.swallowed = swallowed
  send(line)
}

function tellCanary(which, data, isFailure, error) {
  if (which === 'suite') return
  const skipped = data.skip !== undefined || data.todo !== undefined
  send({
    kind: 'canary',
    which,
    status: skipped ? 'skip' : isFailure ? 'fail' : 'pass',
    message: cut(causeOf(error)?.message ?? '', 200),
  })
}

/** What the test threw; node wraps it. */
function causeOf(error) {
  if (error?.code !== 'ERR_TEST_FAILURE') return error
  const { cause } = error
  // Its own findings (a time-out, a parent that has ended) are plain texts.
  return typeof cause === 'string' || cause === undefined || cause === null
    ? { name: 'Error', message: cause ?? error.message }
    : cause
}

/** The names from the outermost suite inwards, with ` > ` between them; where a name holds that itself it is `\>`. */
function nameOf(one) {
  let name = ''
  for (let at = one; at !== null && at !== root; at = at.parent) {
    const own = apply(replace, at.name, [/(?<=^| )(\\*)>(?= |$)/g, '\\$1>'])
    name = name === '' ? own : `${own} > ${name}`
  }
  // A suite that is called by its own path has the same name wherever the project lies.
  name = apply(replaceAll, name, [config.rootUrl, ''])
  return shortName(apply(replaceAll, name, [`${config.root}/`, '']))
}

function relative(path) {
  return apply(startsWith, path, [`${config.root}/`])
    ? apply(slice, path, [config.root.length + 1])
    : cut(path, 300)
}

/** The test that an assertion belongs to: by its context, or the one that is running when there is only one. */
function begin(site) {
  const own = currentTest() ?? onlyRunning()
  if (own === undefined) return undefined
  const state = apply(mapGet, states, [own])
  // What the code under test asserts itself says nothing about what it is tested for.
  if (state !== undefined && (state.asserted > 0 || isOfTests(site()?.file))) state.asserted++
  return state
}

/** Whether a file is the test file, or one that lies among tests: a helper. */
function isOfTests(file) {
  if (file === undefined || isTestFile(file)) return true
  return (
    apply(
      matches,
      /(?:^|[/._-])(?:__)?(?:tests?|specs?|testing|helpers?|support|fixtures?)(?:__)?(?:[/._-]|$)/i,
      [relative(apply(replace, file, [/^file:\/\//, '']))],
    ) !== null
  )
}

function onlyRunning() {
  const last = running[running.length - 1]
  for (let at = 0; at < running.length - 1; at++) {
    let above = last.parent
    while (above !== null && above !== running[at]) above = above.parent
    if (above === null) return undefined
  }
  return last
}

function failed(state, { error, site }) {
  if (state === undefined) return
  const at = site()
  // Only what the test file itself asserts: a helper may try things.
  if (at === undefined || !isTestFile(at.file)) return
  state.failing[state.failing.length] = { error, at, message: describe(error).message }
  if (state.number > 0) lateStates[lateStates.length] = state
}

/** Tells of assertions that failed when their test had been told already, and that nobody saw fail. */
export function tellLateAssertions() {
  for (let at = 0; at < lateStates.length; at++) {
    const { failing, number } = lateStates[at]
    for (let index = 0; index < failing.length; index++) {
      const { error } = failing[index]
      const isObject = typeof error === 'object' && error !== null
      if (isObject && apply(setHas, consumed, [error])) continue
      send({ kind: 'late', number, ...describe(error) })
      break
    }
  }
}

/** An assertion that is tried again until it holds is no failure. */
function passed(state, site) {
  if (state === undefined || state.failing.length === 0) return
  const at = site()
  const left = []
  for (let index = 0; index < state.failing.length; index++) {
    const one = state.failing[index]
    const same = at !== undefined && one.at.line === at.line && one.at.column === at.column
    if (!same) left[left.length] = one
  }
  state.failing = left
}

function isTestFile(file) {
  return file === config.file || file === config.url
}

function swallowedBy(state) {
  for (let at = 0; at < state.failing.length; at++) {
    const { error, message } = state.failing[at]
    const isObject = typeof error === 'object' && error !== null
    if (!isObject || !apply(setHas, consumed, [error])) return message
  }
  return undefined
}

function note(error) {
  if (typeof error === 'object' && error !== null) apply(setAdd, consumed, [error])
}

/** `t.assert` has functions of its own; they are counted as well, each object once. */
function countContextAssertions(prototype) {
  const { get } = getOwnPropertyDescriptor(prototype, 'assert')
  const done = new WeakMap()
  defineProperty(prototype, 'assert', {
    configurable: true,
    get() {
      const functions = apply(get, this, [])
      if (apply(mapHas, done, [functions])) return functions
      apply(mapSet, done, [functions, true])
      for (const key of ownKeys(functions)) functions[key] = counted(functions[key], key)
      return functions
    },
  })
}
