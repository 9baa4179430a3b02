// What is told about an error: its words, the place in the project, and whether it says that a file cannot be run here
// at all. An error is project code's object: anything may be wrong with it, so nothing here may throw.
import { readdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { inspect } from 'node:util'
import { config, cut } from './node-channel.mjs'
import { seen } from './node-hooks.mjs'

const root = config.root

/** `{message, expected, actual, frame}` of whatever was thrown. */
export function describe(error) {
  try {
    const isError = typeof error === 'object' && error !== null
    const name = isError ? (error.name ?? 'Error') : ''
    const message = isError ? `${name}: ${error.message ?? ''}` : `${text(error)} was thrown`
    const line = { message: cut(message, 2000) }
    if (isError && 'expected' in error && 'actual' in error) {
      line.expected = show(error.expected)
      line.actual = show(error.actual)
    }
    const frame = isError ? frameOf(error.stack) : undefined
    if (frame !== undefined) line.frame = frame
    const needs = isError ? neededPackage(error) : undefined
    if (needs !== undefined) line.needs = needs
    return line
  } catch {
    return { message: 'an error that cannot be shown' }
  }
}

/** The package that an error, or what it comes from, says is not there. */
function neededPackage(error) {
  let one = error
  for (let depth = 0; depth < 4 && typeof one === 'object' && one !== null; depth++) {
    const missing = missingPackage(one.code, text(one.message))
    if (missing !== undefined) return missing
    // An assertion that another error is thrown holds the one that was.
    one = one.cause ?? one.actual
  }
  return undefined
}

function text(value) {
  return typeof value === 'string' ? value : show(value)
}

function show(value) {
  try {
    const shown = inspect(value, {
      depth: 4,
      breakLength: 100,
      maxStringLength: 300,
      maxArrayLength: 50,
    })
    return cut(shown, 500)
  } catch {
    return 'a value that cannot be shown'
  }
}

/** The innermost line of the stack that lies in the project. */
function frameOf(stack) {
  for (const line of cut(stack, 20_000).split('\n')) {
    const found = /(?:file:\/\/)?(\/.+?):(\d+)(?::\d+)?\)?$/.exec(line)
    if (found === null) continue
    const path = found[0].startsWith('file:') ? decodeURI(found[1]) : found[1]
    const file = path.startsWith(`${root}/`) ? path.slice(root.length + 1) : undefined
    if (file !== undefined && !file.includes('node_modules/'))
      return { file, line: Number(found[2]) }
  }
  return undefined
}

/** Globals that test frameworks put there, and those that only browsers have. */
const frameworkGlobals =
  /^(describe|it|test|suite|expect|jest|vi|vitest|before|after|beforeEach|afterEach|beforeAll|afterAll|setup|teardown|suiteSetup|suiteTeardown|context|specify|xit|xdescribe|fit|fdescribe|jasmine|sinon|chai|QUnit|cy|Cypress|should) is not defined$/
const browserGlobals =
  /^(document|window|localStorage|sessionStorage|customElements|location|history|alert|HTML\w*Element|SVG\w*Element|ShadowRoot|Node|Element|DOMParser|MutationObserver|ResizeObserver|IntersectionObserver|requestAnimationFrame|matchMedia|XMLHttpRequest|Image|Audio|FileReader|indexedDB|screen|self) is not defined$/

/**
 * What an error while loading means: `{why, needs}` when the file cannot be run here, whatever is in it; otherwise the
 * description of the error, with `source`, the file that a syntax error lies in.
 */
export function loadFailure(error) {
  const told = describe(error)
  try {
    const message = String(error?.message ?? '')
    const missing = missingPackage(error?.code, message)
    if (missing !== undefined) return { needs: missing }
    const other = otherRuntime(error, message)
    if (other !== undefined) return { needs: other }
    const empty = emptyFolder(error?.code, message)
    if (empty !== undefined) return { why: `it needs ${empty}, a submodule that is not fetched` }
    if (error?.code === 'ERR_UNKNOWN_FILE_EXTENSION') {
      const kind = /extension "([^"]*)"/.exec(message)?.[1] ?? 'these'
      return { why: `Node cannot load ${kind} files` }
    }
    if (error?.code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX')
      return { why: `Node cannot run this TypeScript (${cut(message, 200)})` }
    if (error?.name === 'ReferenceError') {
      const global = frameworkGlobals.exec(message)?.[1]
      if (global !== undefined) return { global }
      const browser = browserGlobals.exec(message)?.[1]
      if (browser !== undefined) return { ...told, browser }
    }
    if (error?.name === 'SyntaxError' && typeof seen.url === 'string') {
      const path = decodeURI(seen.url.replace('file://', '').replace(/[?#].*$/, ''))
      if (told.frame === undefined && path.startsWith(`${root}/`)) return { ...told, source: path }
    }
  } catch {
    // The plain description is enough.
  }
  return told
}

/** The program that a file is written for when that is not Node: told by how it imports, and by the global it uses. */
function otherRuntime(error, message) {
  const global = /^(Deno|Bun) is not defined$/.exec(message)?.[1]
  if (global !== undefined && error?.name === 'ReferenceError') return global
  const isScheme = error?.code === 'ERR_UNSUPPORTED_ESM_URL_SCHEME'
  const scheme = isScheme
    ? /Received protocol '(\w+):'/.exec(message)?.[1]
    : /^Cannot find (?:package|module) '(\w+):/.exec(message)?.[1]
  if (scheme === 'bun') return 'Bun'
  return ['jsr', 'npm', 'http', 'https'].includes(scheme) ? 'Deno' : undefined
}

/**
 * The empty folder of the project in which a module was looked for. Git keeps no empty folders, so it is the place of a
 * submodule, whose files nobody fetched.
 */
function emptyFolder(code, message) {
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') return undefined
  const name = /^Cannot find module '([^']+)'/.exec(message)?.[1] ?? ''
  const parent = /^Require stack:\n- (\/[^\n]+)$/m.exec(message)?.[1]
  let path = name.startsWith('.') && parent !== undefined ? resolve(dirname(parent), name) : name
  while (path.startsWith(`${root}/`)) {
    try {
      return readdirSync(path).length === 0 ? path.slice(root.length + 1) : undefined
    } catch {
      path = dirname(path)
    }
  }
  return undefined
}

/** The name of a package that is not installed; undefined for a file of the project that is not there. */
function missingPackage(code, message) {
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') return undefined
  const name = /^Cannot find (?:package|module) '([^']+)'/.exec(message)?.[1]
  if (name === undefined || /^(?:[./#\\]|\w+:)/.test(name)) return undefined
  // `@/words` and `~/words` are names that a compiler knows from its settings, and no packages.
  if (/^[@~](?:\/|$)/.test(name)) return seen.missing ?? name
  return /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0]
}
