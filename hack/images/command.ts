import { execa } from 'execa'

/** What every program that this part starts is given. */
interface CommandOptions {
  readonly signal?: AbortSignal
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/**
 * Runs a program to its end and returns what it printed on stdout.
 *
 * `doing` completes the sentence "… failed" for people. Throws an Error with the last lines the program printed, so
 * that nobody has to look for a log; after an abort, the reason of the signal.
 */
export async function run(
  doing: string,
  file: string,
  args: readonly string[],
  { signal, cwd, env }: CommandOptions = {},
): Promise<string> {
  const result = await execa(file, args, {
    all: true,
    reject: false,
    ...(cwd && { cwd }),
    ...(env && { env }),
    ...(signal && { cancelSignal: signal }),
  })
  if (!result.failed) return result.stdout
  signal?.throwIfAborted()
  // A program that could not be started printed nothing.
  const output = result.all.trim() ? result.all : (result.shortMessage ?? '')
  throw new Error(failureMessage(doing, [file, ...args], output))
}

/** Whether a program runs and ends well. What it prints is dropped; a missing program is a no. */
export async function succeeds(
  file: string,
  args: readonly string[],
  { signal, timeout }: { readonly signal?: AbortSignal; readonly timeout?: number } = {},
): Promise<boolean> {
  const result = await execa(file, args, {
    reject: false,
    stdio: 'ignore',
    ...(timeout && { timeout }),
    ...(signal && { cancelSignal: signal }),
  })
  signal?.throwIfAborted()
  return !result.failed
}

/** The sentence, the command to repeat and the last 15 lines that the program printed. */
export function failureMessage(doing: string, command: readonly string[], output: string): string {
  const tail = output.trim().split('\n').slice(-15).join('\n')
  return `${doing} failed; repeat it by hand to see everything: ${command.map(quote).join(' ')}\n${tail}`
}

function quote(word: string): string {
  return /^[\w@%+=:,./${}-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
