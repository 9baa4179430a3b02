// What a package.json says about how its tests are started: the flags and variables for Node, and
// the framework it wants.
import type { NodePackage } from './project.ts'

/**
 * The parts of a test script besides the files: each flag of Node as one word
 * (`--import=./setup.js`).
 */
interface TestScript {
  readonly nodeArgs: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** Flags that have a value, which may be the next word; by every way to write them. */
const withValue: Readonly<Record<string, string>> = {
  '--import': '--import',
  '--require': '--require',
  '-r': '--require',
  '--loader': '--loader',
  '--experimental-loader': '--loader',
  '--conditions': '--conditions',
  '-C': '--conditions',
  '--env-file': '--env-file',
  '--env-file-if-exists': '--env-file-if-exists',
  '--stack-trace-limit': '--stack-trace-limit',
  '--max-old-space-size': '--max-old-space-size',
}

/** Flags of Node's own runner, which our runner replaces; those listed here have a value. */
const runnerFlags =
  /^--test-(?:reporter|reporter-destination|concurrency|timeout|name-pattern|skip-pattern|shard|isolation|coverage-\w+|global-setup|random-seed|rerun-failures)$/

/** Flags without a value that may change how modules are found or code is run. */
const plainFlags =
  /^--(?:(?:no-)?experimental-(?!test-coverage|test-isolation|config|default-config|sea|print|network|eventsource-x)[\w-]+|expose-gc|enable-source-maps|preserve-symlinks(?:-main)?|no-deprecation|throw-deprecation|pending-deprecation|no-warnings|frozen-intrinsics|disallow-code-generation-from-strings|harmony[\w-]*|icu-data-dir)$/

/**
 * The flags and variables of `[VAR=value …] node [flags] --test …`; undefined for every other
 * script. Flags that only choose tests or their display are left out, and so are those that open a
 * port (`--inspect`).
 */
export function testScriptOf(script: string): TestScript | undefined {
  const words = wordsOf(script)
  if (words === undefined) return undefined
  const env: Record<string, string> = {}
  let at = 0
  if (words[at] === 'cross-env') at++
  for (let word = words[at] ?? ''; /^[A-Za-z_]\w*=/.test(word); word = words[++at] ?? '') {
    const end = word.indexOf('=')
    env[word.slice(0, end)] = word.slice(end + 1)
  }
  if (words[at++] !== 'node') return undefined
  const fromVariable = wordsOf(env['NODE_OPTIONS'] ?? '') ?? []
  delete env['NODE_OPTIONS']
  const before = flagsOf(fromVariable)
  const own = flagsOf(words.slice(at))
  if (!own.isTest) return undefined
  return { nodeArgs: [...before.args, ...own.args], env }
}

function flagsOf(words: readonly string[]): { args: string[]; isTest: boolean } {
  const args: string[] = []
  let isTest = false
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    // The first word that is not a flag is a file; the words after it are not for Node.
    if (!word.startsWith('-')) break
    if (word === '--test') {
      isTest = true
      continue
    }
    const end = word.indexOf('=')
    const name = end === -1 ? word : word.slice(0, end)
    const known = withValue[name]
    if (known !== undefined) {
      const value = end === -1 ? words[++at] : word.slice(end + 1)
      if (value !== undefined) args.push(`${known}=${value}`)
    } else if (runnerFlags.test(name)) {
      if (end === -1) at++
    } else if (plainFlags.test(name)) args.push(word)
  }
  return { args, isTest }
}

/** The words of a shell command; undefined when it is more than one plain command. */
function wordsOf(text: string): string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const sign = text[at] ?? ''
    if (quote !== '') {
      if (sign === quote) quote = ''
      else if (sign === '\\' && quote === '"') word = (word ?? '') + (text[++at] ?? '')
      else word = (word ?? '') + sign
    } else if (sign === "'" || sign === '"') {
      quote = sign
      word ??= ''
    } else if (sign === '\\') word = (word ?? '') + (text[++at] ?? '')
    else if (/[;&|<>()`$\n]/.test(sign)) return undefined
    else if (/\s/.test(sign)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + sign
  }
  if (quote !== '') return undefined
  if (word !== undefined) words.push(word)
  return words
}

const known = new Set([
  'vitest',
  'jest',
  'mocha',
  'jasmine',
  'ava',
  'tap',
  'uvu',
  'qunit',
  'karma',
  'cypress',
  '@playwright/test',
  '@jest/globals',
  'bun',
  'deno',
])

/** The frameworks that a package starts its tests with or depends on, the likeliest first. */
export function frameworksOf({
  scripts,
  dependencies,
}: Pick<NodePackage, 'scripts' | 'dependencies'>): readonly string[] {
  const started = (scripts['test'] ?? '').split(/[\s;&|]+/).filter((word) => known.has(word))
  return [...new Set([...started, ...dependencies.filter((name) => known.has(name))])]
}
