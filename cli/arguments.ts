// Values of options, as people type them, and the examples of `--help`.
import { InvalidArgumentError } from 'commander'
import { asTyped } from './terminal.ts'

/** An option that is given once: the second would silently take the place of the first. */
export function once(flag: string): (value: string, before: string | undefined) => string {
  return (value, before) => {
    if (before !== undefined) throw new InvalidArgumentError(`${flag} is given twice.`)
    return value
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

/** A whole number of tokens. */
export function tokens(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('write a number, as in 8192.')
  return Number(text)
}

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
2 when the command cannot be understood.`
