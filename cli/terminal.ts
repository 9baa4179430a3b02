import type { Style } from './show/style.ts'

/** Where a command writes, and how. */
export interface Terminal {
  /** Results only. */
  readonly out: (text: string) => void
  /** Everything else that a person should read. */
  readonly err: (text: string) => void
  /** Names the next command to type. */
  readonly next: (command: string) => void
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
  const screen = stdout.isTTY && env['TERM'] !== 'dumb'
  const color = flags.color !== false && !env['NO_COLOR'] && (screen || Boolean(env['FORCE_COLOR']))
  const ascii = flags.ascii === true
  return {
    out: (text) => stdout.write(text),
    err: (text) => stderr.write(text),
    next: (command) => stderr.write(`next: ${asTyped(command, env)}\n`),
    live: screen && !env['CI'],
    liveErr: stderr.isTTY && env['TERM'] !== 'dumb' && !env['CI'],
    // Some terminals say that they have no columns; they mean that they do not know.
    style: () => ({ color, ascii, width: screen ? stdout.columns || undefined : undefined }),
    rows: () => stdout.rows ?? 24,
  }
}
