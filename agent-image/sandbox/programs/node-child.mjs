// Runs one test file, or loads one module, in a process of its own, and tells its parent (node-runner.mjs) what came of
// it. The process ends when the tests have ended and nothing that they began is still under way; what stays open for
// ever (a server, an interval, a worker) ends with it.
// oxlint-disable typescript/unbound-method -- called by `apply` only, whatever becomes of the prototypes
import { AsyncResource } from 'node:async_hooks'
import { existsSync } from 'node:fs'
import { createRequire, register } from 'node:module'
import { pathToFileURL } from 'node:url'
import { replaced } from './node-assert.mjs'
import { config, send } from './node-channel.mjs'
import { describe, loadFailure } from './node-errors.mjs'
import { installHooks, setupPrefix } from './node-hooks.mjs'
import { watchProcess } from './node-process.mjs'
import {
  addCanaries,
  allEnded,
  beginTests,
  currentTest,
  tellLate,
  tellLateAssertions,
  toldTests,
} from './node-tests.mjs'

const { apply } = Reflect
const matches = RegExp.prototype.exec
const setForEach = Set.prototype.forEach
const { setTimeout, setInterval, clearInterval, setImmediate } = globalThis
const { getActiveResourcesInfo } = process
const now = performance.now.bind(performance)

/** How long errors are waited for that come after the tests. */
const graceMs = 2000
/** Handles that are only open (a server, a socket) may still bring something, but soon. */
const quietMs = 200
/** Kinds of active resources that will end by themselves. */
const underWay =
  /^(?:Timeout|Immediate|ProcessWrap|Worker|MessagePort|.*(?:Req|Write|Shutdown|Connect|Send)\w*)$/

/** `loading`, `running` (the tests), `settling` (what they left), `done`. */
let phase = 'loading'
let fileErrors = 0
const isTest = config.mode === 'test'
/** What is open before the project has begun: the pipe of standard error. */
let opened = 0
if (process.stderr.fd === 2) opened = activeKinds().count

const guard = watchProcess({
  onError(error) {
    const owner = isTest ? currentTest() : undefined
    // Node itself fails a test that has not ended.
    if (owner !== undefined && !owner.finished) return
    if (!isTest && isOutside(error)) return
    fileErrors++
    tellLate(owner, error)
  },
  onEnd(name, code) {
    if (phase === 'settling') finish()
    else if (name === 'exit' && phase !== 'done') send({ kind: 'exit', code: Number(code) || 0 })
  },
})

/** What a module that is merely loaded finds missing in this place (a database, a port) says nothing about its text. */
function isOutside(error) {
  const code = String(error?.code ?? error?.cause?.code ?? '')
  return /^(?:ECONN|ENOTFOUND|EAI_|EADDR|ETIMEDOUT|EHOST|ENET|EACCES|EPERM)/.test(code)
}

const outside = new AsyncResource('guildhall')
const folder = pathToFileURL(`${process.cwd()}/`).href
installHooks(folder)
await (isTest ? runTests() : loadModule())

async function runTests() {
  process.argv[1] = config.file
  let again = () => {}
  try {
    beginTests({
      // The hooks around the file run now; one that ends the process must not end it before late errors are seen.
      onClosing: () => guard.unwind(true),
      onClosed: () => {
        if (phase === 'loading') guard.unwind(false)
        again()
      },
      isExit: guard.isExit,
    })
  } catch (error) {
    return stop(describe(error))
  }
  try {
    await prepare()
    await import(config.url)
  } catch (error) {
    return stop(loadFailure(error))
  }
  const alive = setInterval(() => {}, 1 << 30)
  phase = 'running'
  const ended = new Promise((resolve) => {
    again = () => {
      if (allEnded()) resolve()
    }
  })
  // The last module may have left us inside one of its tests, which would become the parent of the canaries.
  outside.runInAsyncScope(addCanaries, undefined, config.canaries)
  await ended
  clearInterval(alive)
  await settle()
}

/** What the project's test command loads before the tests. */
async function prepare() {
  for (const path of config.envFiles) {
    if (!path.startsWith('?')) process.loadEnvFile(path)
    else if (existsSync(path.slice(1))) process.loadEnvFile(path.slice(1))
  }
  const require = createRequire(folder)
  for (const name of config.loaders) register(name, folder)
  for (const name of config.requires) require(name)
  for (const name of config.imports) await import(setupPrefix + name)
}

async function loadModule() {
  try {
    await import(config.url)
  } catch (error) {
    return stop(loadFailure(error))
  }
  await settle()
}

/** The file cannot be run: nothing else is waited for. */
function stop(told) {
  phase = 'done'
  send({ kind: 'unloaded', ...told })
  guard.end()
}

/** Waits for what was begun and nobody waited for, and then ends the process. */
async function settle() {
  phase = 'settling'
  guard.unwind(true)
  // Without listeners an error would end the process before the next one is seen.
  process.on('uncaughtException', () => {})
  process.on('unhandledRejection', () => {})
  const started = now()
  let quietSince = started
  // Node tells of a rejection up to two turns of its event loop later.
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  for (;;) {
    const at = now()
    const active = activeKinds()
    const waits = isTest && !allEnded()
    if (active.busy) quietSince = at
    if (active.none && !waits) break
    if (!waits && (at - started > graceMs || at - quietSince > quietMs)) break
    await pause(active.none ? 0 : 10)
  }
  if (!activeKinds().none) return finish()
  // Whatever is not listed as a resource (hashing, compressing) keeps the loop from ending, and nothing else does: the
  // end is told by `beforeExit`.
  setTimeout(finish, Math.max(0, started + graceMs - now())).unref()
  await new Promise(() => {})
}

function activeKinds() {
  const kinds = apply(getActiveResourcesInfo, process, [])
  let busy = false
  for (let at = 0; at < kinds.length; at++)
    if (apply(matches, underWay, [kinds[at]]) !== null) busy = true
  return { busy, count: kinds.length, none: !busy && kinds.length <= opened }
}

function pause(ms) {
  return new Promise((resolve) => {
    if (ms === 0) setImmediate(resolve)
    else setTimeout(resolve, ms)
  })
}

function finish() {
  if (phase === 'done') return
  phase = 'done'
  const thrown = guard.runExitListeners()
  if (thrown !== undefined) {
    fileErrors++
    tellLate(undefined, thrown.error)
  }
  if (isTest) {
    tellLateAssertions()
    apply(setForEach, replaced, [(what) => send({ kind: 'tampered', what })])
    const code = Number(process.exitCode ?? 0)
    if (code !== 0 && fileErrors === 0)
      tellLate(undefined, { name: 'Error', message: `the file set process.exitCode to ${code}` })
  }
  send({ kind: 'finished', tests: isTest ? toldTests() : 0 })
  guard.end()
}
