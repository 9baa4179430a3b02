import { visibleText } from '../operator/api/plain-text.ts'
import { ownColours, type Style } from './show/style.ts'

/** Where a command writes, and how. */
export interface Terminal {
  /**
   * Results only. On a screen, only colours of ours have an effect there; everywhere else the text goes out as it is.
   * Caveat: text that may hold such colours itself (files, JSON) has to be made visible by its command.
   */
  readonly out: (text: string) => void
  /** A result that is no text of ours: bytes for whoever reads the pipe. Not for a screen. */
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

/** The directory a person stands in: npm runs programs in the directory of package.json and says where it was called. */
export function workingDirectory(
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  return (env['npm_lifecycle_event'] === 'guild' ? env['INIT_CWD'] : undefined) ?? process.cwd()
}

/** A command line that starts with `guild`, as it is typed here: in the clone npm stands before it. */
export function asTyped(
  command: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const inClone = ['guild', 'demo'].includes(env['npm_lifecycle_event'] ?? '')
  return inClone ? command.replace(/^guild /, 'npm run -s guild -- ') : command
}

/** This process's terminal. `NO_COLOR`, `FORCE_COLOR`, `CI` and `TERM=dumb` count as everywhere. */
export function processTerminal(
  flags: TerminalFlags,
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
    next: (command) => stderr.write(`next: ${visibleText(asTyped(command, env))}\n`),
    screen: stdout.isTTY,
    live: drawable && !env['CI'],
    liveErr: stderr.isTTY && env['TERM'] !== 'dumb' && !env['CI'],
    // Some terminals say that they have no columns; they mean that they do not know.
    style: () => ({ color, ascii, width: drawable ? stdout.columns || undefined : undefined }),
    rows: () => stdout.rows ?? 24,
  }
}

/** Text as it may go to a screen: everything that a terminal obeys is shown as its code, but for the colours that `draw` makes. */
export function onScreen(text: string): string {
  return text
    .split(ownColours)
    .map((part, at) => (at % 2 === 0 ? visibleText(part) : part))
    .join('')
}
