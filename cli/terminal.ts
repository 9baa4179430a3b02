import { isAbsolute, join, relative } from 'node:path'
import { visibleJson, visibleText } from '../core/api/plain-text.ts'
import { type Style, ownColours } from './show/style.ts'

/** Where a command writes, and how. */
export interface Terminal {
  /**
   * Results only. On a screen, only the colours of `draw` have an effect; everywhere else the text
   * goes out as it is.
   * Caveat: text that may hold such colours itself (files, JSON) has to be made visible by its
   * command.
   */
  readonly out: (text: string) => void
  /** A result that is not text: bytes for the reader of the pipe. Not for a screen. */
  readonly bytes: (bytes: Uint8Array) => void
  /** What this program draws on a screen: lines of `draw`, and orders that move the cursor. */
  readonly move: (text: string) => void
  /** The same on stderr. */
  readonly moveErr: (text: string) => void
  /** Everything else that a person should read. */
  readonly err: (text: string) => void
  /** Names the next command to type. */
  readonly next: (command: string) => void
  /** True when a person reads stdout on a screen, of whatever kind. */
  readonly screen: boolean
  /** True when stdout is a screen that can be drawn on again. */
  readonly live: boolean
  /** The same of stderr. */
  readonly liveErr: boolean
  readonly style: () => Style
  /** Lines of the screen. */
  readonly rows: () => number
}

export interface TerminalFlags {
  /** False for --no-color. */
  readonly color?: boolean | undefined
  readonly ascii?: boolean | undefined
}

/**
 * The directory a person stands in: npm runs programs in the directory of package.json and says
 * where it was called.
 */
export function workingDirectory(
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  return (env['npm_lifecycle_event'] === 'guild' ? env['INIT_CWD'] : undefined) ?? process.cwd()
}

/**
 * A command line as it is typed here: npm stands before `guild`, and outside the clone its files
 * have full paths.
 */
export function asTyped(
  command: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  if (!['guild', 'demo'].includes(env['npm_lifecycle_event'] ?? '')) return command
  const way = relative(clone, env['INIT_CWD'] ?? clone)
  const isInside = !way.startsWith('..') && !isAbsolute(way)
  const full = command.replace(/^guild /, 'npm run -s guild -- ')
  if (isInside) return full
  return full
    .replaceAll('npm run -s ', `npm --prefix ${quoted(clone)} run -s `)
    .replaceAll(/(?<= )(?:helm\/guildhall|examples\/hello\.yaml)(?= |$)/g, (path) =>
      quoted(join(clone, path)),
    )
}

/** Where this program lies. */
const clone = join(import.meta.dirname, '..')

/** A word as a shell reads it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}

/** The cluster and the namespace that were named on the command line. */
export interface PlaceFlags {
  readonly namespace?: string | undefined
  readonly kubeconfig?: string | undefined
  readonly context?: string | undefined
}

/**
 * A command to type next that finds the same cluster and namespace as the command before it:
 * without the flags that were given it would look elsewhere. What the command says already stays:
 * its own `-n` may lead elsewhere on purpose. What stands behind three blanks is a remark.
 */
export function inSamePlace(command: string, flags: PlaceFlags): string {
  const [line = '', ...remark] = command.split(/( {3})/)
  const words = line.split(' ')
  const isOfGuild = /^guild (?!plan\b|try\b)/.test(line)
  const isOfCluster = isOfGuild || /^(?:kubectl (?!config\b)|helm )/.test(line)
  if (!isOfCluster) return command
  const added = [
    // Of kubectl not every command is about a namespace; those that are name theirs.
    ...(isOfGuild ? [['-n', flags.namespace] as const] : []),
    ['--kubeconfig', flags.kubeconfig] as const,
    [words[0] === 'helm' ? '--kube-context' : '--context', flags.context] as const,
  ].flatMap(([flag, value]) =>
    value === undefined || words.includes(flag) ? [] : [flag, quoted(value)],
  )
  return [[line, ...added].join(' '), ...remark].join('')
}

/** This process's terminal. `NO_COLOR`, `FORCE_COLOR`, `CI` and `TERM=dumb` count as everywhere. */
export function processTerminal(
  flags: TerminalFlags,
  place: PlaceFlags = {},
  env: Readonly<Record<string, string | undefined>> = process.env,
): Terminal {
  const { stdout, stderr } = process
  const drawable = stdout.isTTY && env['TERM'] !== 'dumb'
  const color =
    flags.color !== false && !env['NO_COLOR'] && (drawable || Boolean(env['FORCE_COLOR']))
  const ascii = flags.ascii === true
  return {
    out: (text) => stdout.write(stdout.isTTY ? onScreen(text) : text),
    bytes: (bytes) => stdout.write(bytes),
    move: (text) => stdout.write(text),
    moveErr: (text) => stderr.write(text),
    err: (text) => stderr.write(stderr.isTTY ? onScreen(text) : text),
    next: (command) =>
      stderr.write(`next: ${visibleText(asTyped(inSamePlace(command, place), env))}\n`),
    screen: stdout.isTTY,
    live: drawable && !env['CI'],
    liveErr: stderr.isTTY && env['TERM'] !== 'dumb' && !env['CI'],
    // Some terminals say that they have no columns; they mean that they do not know.
    style: () => ({ color, ascii, width: drawable ? stdout.columns || undefined : undefined }),
    rows: () => stdout.rows ?? 24,
  }
}

/**
 * Text as it may go to a screen: everything that a terminal obeys is shown as its code, but for the
 * colours that `draw` makes.
 */
export function onScreen(text: string): string {
  return text
    .split(ownColours)
    .map((part, at) => (at % 2 === 0 ? visibleText(part) : part))
    .join('')
}

/** What a live picture needs of a terminal. */
interface Canvas {
  readonly out: (text: string) => void
  /** Lines of the screen. */
  readonly rows: () => number
}

/**
 * A block of lines that is drawn again in place. The scrollback above it stays as it is.
 * Caveat: lines must fit the width of the screen, and a block that is too high loses its middle.
 */
export class Screen {
  readonly #canvas: Canvas
  #drawn = 0

  constructor(canvas: Canvas) {
    this.#canvas = canvas
  }

  /** Replaces the block. */
  draw(lines: readonly string[]): void {
    const shown = fit(lines, this.#canvas.rows() - 1)
    // One write: no flicker, and nothing of ours in between.
    this.#canvas.out(`${this.#home()}${shown.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`)
    this.#drawn = shown.length
  }

  /** Prints lines that stay, above the block; the block must be drawn again afterwards. */
  print(lines: readonly string[]): void {
    if (lines.length === 0) return
    this.#canvas.out(`${this.#home()}${lines.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`)
    this.#drawn = 0
  }

  #home(): string {
    return this.#drawn === 0 ? '' : `\u001b[${this.#drawn}A\r`
  }
}

function fit(lines: readonly string[], rows: number): readonly string[] {
  if (lines.length <= rows) return lines
  const head = Math.min(4, rows - 2)
  const tail = rows - head - 1
  const hidden = lines.length - head - tail
  return [...lines.slice(0, head), `   (${hidden} more lines)`, ...lines.slice(-tail)]
}

/**
 * Objects as JSON on several lines, for programs and for people: the same values, with every
 * character of them to be seen.
 */
export const jsonText = (value: unknown): string =>
  visibleJson(JSON.stringify(value, undefined, 2) ?? 'null')
