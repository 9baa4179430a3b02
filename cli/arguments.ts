// Values of options, as people type them, and the examples of `--help`.
import { type Command, InvalidArgumentError } from 'commander'
import { nameProblem } from '../core/api/schema.ts'
import { CliError, exitCodes } from './failure.ts'
import { asTyped } from './terminal.ts'

/** An option that is given once: the second would silently take the place of the first. */
export function once(flag: string): (value: string, before: string | undefined) => string {
  return (value, before) => {
    if (before !== undefined) throw new InvalidArgumentError(`${flag} is given twice.`)
    return value
  }
}

/**
 * The name of a DevRequest as it is typed, `@latest` included. Errors: `CliError` (usage) for a
 * name that no object can have: the API server is not asked for it.
 */
export function requestName(typed: string): string {
  return typed === '@latest' ? typed : possibleName(typed, 'a DevRequest', 'guild list')
}

/** The same for a namespace. */
export function namespaceName(typed: string): string {
  return possibleName(typed, 'a namespace', 'kubectl get namespaces')
}

function possibleName(typed: string, what: string, lists: string): string {
  const problem = typed === '' ? 'the name is empty' : nameProblem(typed)
  if (problem === undefined) return typed
  const shown = typed.length > 40 ? `${typed.slice(0, 40)}…` : typed
  throw new CliError(`${what} cannot be called "${shown}": ${problem}`, {
    next: `${lists}   (shows the names that there are)`,
    exitCode: exitCodes.usage,
  })
}

/**
 * Makes a command refuse empty values of its options, which would pass for an option that was left
 * out. Options of `but` have words of their own for that.
 */
export function refuseEmpty(command: Command, but: readonly string[] = []): void {
  for (const option of command.options) {
    if (!option.required || but.includes(option.name())) continue
    const { parseArg } = option
    option.argParser((value: string, before: unknown) => {
      if (value.trim() === '') throw new InvalidArgumentError('It is empty.')
      return parseArg === undefined ? value : parseArg(value, before)
    })
  }
}

const hourMs = 3_600_000
const minuteMs = 60_000
/** Timers count no further than 24 days. */
const longestHours = 500

/**
 * Reads `90s`, `10m`, `2h` or a bare number of seconds as milliseconds; more than 0 and at most 500
 * hours.
 */
export function milliseconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(s|m|h|)$/.exec(text)
  if (match === null) throw new InvalidArgumentError('write it as in 30s, 10m or 2h.')
  const unit = match[2] === 'h' ? hourMs : match[2] === 'm' ? minuteMs : 1000
  const value = Math.round(Number(match[1]) * unit)
  if (value < 1) throw new InvalidArgumentError('it has to be longer than 0, as in 30s, 10m or 2h.')
  if (value > longestHours * hourMs)
    throw new InvalidArgumentError(`it can be ${longestHours}h at most.`)
  return value
}

/** Milliseconds as `milliseconds` takes them: `30s`, `10m`, `2h`. */
export function asDuration(value: number): string {
  if (value % hourMs === 0) return `${value / hourMs}h`
  return value % minuteMs === 0 ? `${value / minuteMs}m` : `${value / 1000}s`
}

/** A number of attempts. */
export function upToFive(text: string): number {
  if (!/^[1-5]$/.test(text)) throw new InvalidArgumentError('write a number from 1 to 5.')
  return Number(text)
}

/** With less than this there is no room for a request. */
export const leastContext = 1024

/** A whole number of tokens that a plan has room in. */
export function tokens(text: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw new InvalidArgumentError('write a whole number of tokens, as in 8192.')
  if (Number(text) < leastContext)
    throw new InvalidArgumentError(`${leastContext} tokens are the least that a plan has room in.`)
  return Number(text)
}

/** What `--help` says about exit codes where a command waits for a request. */
export const watchCodes = `
The exit code is 0 when the request succeeded, 1 when it failed or cannot be watched, 2 for a mistake on the command line,
and 130 after Ctrl-C. When the time of --timeout is over it is 3 if only a person can let the request go on (the last line
says how), else 124.`

export const submitCodes = `
The exit code is 0 when everything was handed in, 1 when something was not, 2 for a mistake on the command line or in the
file, and 130 after Ctrl-C. With --watch it is that of guild watch: 0 when the request succeeded, 1 when it failed.`

export const planExamples = `
Examples:
  ${asTyped('guild plan --file examples/hello.yaml')}
  ${asTyped('guild plan --request "Add src/slug.js that exports slugify(text) …" --repo . --model qwen2.5-coder:7b')}
  ${asTyped('guild plan --file - --json')} < request.txt
  ${asTyped('guild plan --file request.txt --save plan.yaml')}
  ${asTyped('guild plan --file request.txt --plan plan.yaml')}     # after you changed it

The exit code is 0 only for a plan that can be carried out. A plan that fell back to one unit is one; its warnings say so.`

export const tryExamples = `
Examples:
  ${asTyped('guild try --repo . --goal "Add src/slug.js that exports slugify(text) …" --model qwen2.5-coder:7b')}
  ${asTyped('guild try --repo . --goal "…" --files src/slug.js,src/wrap.js --timeout 20m')}
  ${asTyped('guild try --repo . --goal "Make the tests pass" --files src/slug.js --type coding --test "npm test"')}

--test names test files; the command itself is not run. It can be: paths, node --test [FILES], npm test, python3 -m unittest [FILES], pytest [FILES].
The work starts from HEAD. Only when it is Done, the change is left in the work tree: nothing is staged, and new files are
untracked (git status shows them). Otherwise the work tree is as it was. The exit code is 0 for Done, 1 for every other end,
2 when the command cannot be understood, 130 after Ctrl-C.`
