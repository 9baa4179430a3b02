// `node:assert` as project code sees it: the same functions, counted. Each one is called as before; what is added is
// who called it, how it ended, and that nobody can put another function in its place unseen.
// oxlint-disable typescript/unbound-method -- called by `apply` only, whatever becomes of the prototypes
import assert from 'node:assert'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { getCallSites } from 'node:util'
import { isPromise } from 'node:util/types'

const { apply, construct } = Reflect
const { defineProperty, getOwnPropertyNames, getOwnPropertyDescriptor } = Object
const { AssertionError } = assert
const { then } = Promise.prototype
const split = String.prototype.split
const includes = String.prototype.includes
const slice = String.prototype.slice
const charAt = String.prototype.charAt
const join = Array.prototype.join
const hasInstance = Function.prototype[Symbol.hasInstance]
const replace = String.prototype.replace
const here = import.meta.url
/** Our own folder, as frames name it: by URL and by path. */
const ours = [new URL('.', here).href, fileURLToPath(new URL('.', here))]

/** The asserting functions; the other names (`AssertionError`, `CallTracker`, …) are handed through as they are. */
const asserting = new Set(
  `ok fail equal notEqual deepEqual notDeepEqual deepStrictEqual notDeepStrictEqual
   strictEqual notStrictEqual partialDeepStrictEqual match doesNotMatch throws
   rejects doesNotThrow doesNotReject ifError`.split(/\s+/),
)

/**
 * What is told about calls. `begin(site)` gives the record of who is calling; `failed(record, call)` and
 * `passed(record, site)` say how it ended, where `call` is `{error, message, site}` and `site` is a function that gives
 * `file:line:column` of the caller; `consumed(error)` says that `assert.rejects` wanted this very error.
 */
export const listener = {
  begin: () => undefined,
  failed: () => {},
  passed: () => {},
  consumed: () => {},
}

/** Names of functions that project code put something else in the place of. */
export const replaced = new Set()
const noteReplaced = Set.prototype.add

let depth = 0

/** The function `original` under its own name, with the calls told to `listener`. */
export function counted(original, name) {
  const isOk = name === 'ok' || name === 'strict'
  const wrapper = function (...args) {
    // An assertion that another one makes (`throws`, a validation function) is the outer one's business.
    if (depth > 0) return callThrough(original, this, args, isOk)
    const record = listener.begin(siteOf)
    const site = name === 'rejects' || name === 'doesNotReject' ? fixed(siteOf()) : siteOf
    depth++
    try {
      const given = name === 'rejects' ? watched(args) : args
      const result = callThrough(original, this, given, isOk)
      if (!isPromise(result)) {
        if (isSaidOfPromise(name, given)) {
          const message = `assert.${name} was given a promise, of which that always holds: await it`
          listener.failed(record, { error: new AssertionError({ message }), site })
        } else listener.passed(record, site)
        return result
      }
      return apply(then, result, [
        (value) => {
          listener.passed(record, site)
          return value
        },
        (error) => {
          tell(record, error, site)
          throw error
        },
      ])
    } catch (error) {
      tell(record, error, site)
      throw error
    } finally {
      depth--
    }
  }
  defineProperty(wrapper, 'name', { value: original.name, configurable: true })
  defineProperty(wrapper, 'length', { value: original.length, configurable: true })
  return wrapper
}

/** That a promise is true, or no value, holds whatever becomes of it. Two promises may well be told apart. */
function isSaidOfPromise(name, args) {
  if (name === 'ok' || name === 'strict') return isPromise(args[0])
  return apply(includes, name, ['not']) && isPromise(args[0]) && !isPromise(args[1])
}

function callThrough(original, self, args, isOk) {
  try {
    return apply(original, self, args)
  } catch (error) {
    if (isAssertionError(error)) {
      // Its message quotes the line of the caller, and the caller that it sees is us.
      if (isOk && error.generatedMessage && args.length > 0) {
        const source = callText()
        const message =
          source === undefined
            ? 'The expression evaluated to a falsy value'
            : `The expression evaluated to a falsy value:\n\n  ${source}\n`
        const stack = error.stack
        const before = error.message
        error.message = message
        if (typeof stack === 'string') error.stack = replaceFirst(stack, before, message)
      }
    }
    hideUs(error)
    throw error
  }
}

function tell(record, error, site) {
  hideUs(error)
  listener.failed(record, { error, site })
}

function isAssertionError(error) {
  return apply(hasInstance, AssertionError, [error])
}

/** Notes with which error the promise is rejected that `rejects` is given or makes. */
function watched(args) {
  const first = args[0]
  const watch = (promise) => {
    if (isPromise(promise)) void apply(then, promise, [undefined, listener.consumed])
    return promise
  }
  if (typeof first === 'function') args[0] = () => watch(apply(first, undefined, []))
  else watch(first)
  return args
}

const fixed = (value) => () => value

/** `file:line:column` of the code that called an assertion. */
function siteOf() {
  const site = callSite()
  return site === undefined ? undefined : { file: site.file, line: site.line, column: site.column }
}

function callSite() {
  try {
    for (const site of getCallSites(12, { sourceMap: true })) {
      const file = site.scriptName
      // `t.assert.equal` is an arrow function of Node's own.
      // Code that is evaluated has no name.
      if (file === '' || isOurs(file) || apply(slice, file, [0, 5]) === 'node:') continue
      return { file, line: site.lineNumber, column: site.columnNumber ?? site.column }
    }
  } catch {
    // No place is better than another error in the place of the assertion's.
  }
  return undefined
}

/** The call as it is written, as far as its line goes: what Node itself quotes for `assert.ok`. */
function callText() {
  const site = callSite()
  if (site === undefined) return undefined
  try {
    const path =
      apply(slice, site.file, [0, 7]) === 'file://' ? fileURLToPath(site.file) : site.file
    const line = apply(split, readFileSync(path, 'utf8'), ['\n'])[site.line - 1]
    if (line === undefined) return undefined
    const before = apply(slice, line, [0, site.column - 1])
    // V8 names the place of `ok` in `assert.ok(…)`.
    const object = apply(slice, before, [apply(replace, before, [/[\w$.]+$/, '']).length])
    return callIn(`${object}${apply(slice, line, [site.column - 1])}`)
  } catch {
    return undefined
  }
}

/** The beginning of `text` up to where its first bracket is closed again. */
function callIn(text) {
  let open = 0
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const sign = apply(charAt, text, [at])
    if (quote !== '') {
      if (sign === '\\') at++
      else if (sign === quote) quote = ''
    } else if (sign === "'" || sign === '"' || sign === '`') quote = sign
    else if (sign === '(' || sign === '[' || sign === '{') open++
    else if (sign === ')' || sign === ']' || sign === '}') {
      open--
      if (open === 0) return apply(slice, text, [0, at + 1])
    }
  }
  return text
}

function replaceFirst(text, before, after) {
  const parts = apply(split, text, [before])
  if (parts.length < 2) return text
  const [first, ...rest] = parts
  return `${first}${after}${apply(join, rest, [before])}`
}

function isOurs(text) {
  return apply(includes, text, [ours[0]]) || apply(includes, text, [ours[1]])
}

/** Takes our own lines out of a stack: they are none of the project's business. */
function hideUs(error) {
  const stack = error?.stack
  if (typeof stack !== 'string' || !isOurs(stack)) return
  let text = ''
  for (const line of apply(split, stack, ['\n']))
    if (!isOurs(line)) text += text === '' ? line : `\n${line}`
  try {
    error.stack = text
  } catch {
    // A frozen error keeps its stack as it is.
  }
}

/**
 * A copy of `original` (`assert` or `assert.strict`) whose functions are counted. Where two names are one function, they
 * are one here, too.
 */
function countedAssert(original, name, known) {
  const copy = counted(original, name)
  known.set(original, copy)
  for (const key of getOwnPropertyNames(original)) {
    const descriptor = getOwnPropertyDescriptor(original, key)
    if (key === 'name' || key === 'length' || key === 'prototype' || key === 'strict') continue
    let value = known.get(descriptor.value) ?? descriptor.value
    if (asserting.has(key) && value === descriptor.value) {
      value = counted(value, value.name)
      known.set(descriptor.value, value)
    }
    if (key === 'Assert') value = countedClass(value, known)
    if (asserting.has(key)) guarded(copy, key, value)
    else defineProperty(copy, key, { ...descriptor, value })
  }
  return copy
}

/** A property that can be read as ever; a write is kept and noted. */
function guarded(object, key, value) {
  let current = value
  defineProperty(object, key, {
    enumerable: true,
    configurable: false,
    get: () => current,
    set(next) {
      if (next !== value) apply(noteReplaced, replaced, [`assert.${key}`])
      current = next
    },
  })
}

/** `assert.Assert`: its instances have counted functions. */
function countedClass(original, known) {
  const made = known.get(original)
  if (made !== undefined) return made
  const wrapped = new Proxy(original, {
    construct(target, args, newTarget) {
      const instance = construct(target, args, newTarget)
      for (const key of asserting)
        if (typeof instance[key] === 'function') instance[key] = counted(instance[key], key)
      return instance
    },
  })
  known.set(original, wrapped)
  return wrapped
}

const known = new Map()
export const loose = countedAssert(assert, 'ok', known)
export const strict = countedAssert(assert.strict, 'strict', known)
defineProperty(loose, 'strict', { value: strict, writable: true, enumerable: true })
defineProperty(strict, 'strict', { value: strict, writable: true, enumerable: true })

const urls = {
  loose: new URL('./counted-assert.mjs', here).href,
  strict: new URL('./counted-assert-strict.mjs', here).href,
}

/** Where an import of Node's assertion modules leads. */
export const assertUrls = {
  __proto__: null,
  assert: urls.loose,
  'node:assert': urls.loose,
  'assert/strict': urls.strict,
  'node:assert/strict': urls.strict,
}

const names = Object.keys(assert).filter((key) => /^[A-Za-z]\w*$/.test(key))
const sourceOf = (which) => `import { ${which} as all } from ${JSON.stringify(here)}
export default all
export { all as 'module.exports' }
export const { ${names.join(', ')} } = all
`
const sources = {
  __proto__: null,
  [urls.loose]: sourceOf('loose'),
  [urls.strict]: sourceOf('strict'),
}

/** The text of our module at `url`; undefined when it is none of ours. */
export function moduleSource(url) {
  return sources[url]
}
