// One way for all programs of ours to answer a mistake on their command line: a sentence, the
// usage, exit code 2. Node's own words for such mistakes come with a stack.
import { type ParseArgsConfig, parseArgs } from 'node:util'

/** A mistake on the command line; the message names the word and what it should be. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly code = 'usage'
}

/** `parseArgs` of Node. Errors: `UsageError` for every word that cannot be understood. */
export function readArguments<const T extends ParseArgsConfig>(
  config: T,
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config)
  } catch (cause) {
    throw new UsageError(mistakeIn(cause), { cause })
  }
}

function mistakeIn(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error)
  const { code } = (error ?? {}) as { readonly code?: unknown }
  // The first word in quotes; for an option with a value it is `--seeds <value>`.
  const word = /'(?:-\w, )?(\S+?)(?: <value>)?'/.exec(said)?.[1] ?? ''
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return `there is no option ${word}`
  if (code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL') return `there is no argument ${word}`
  if (code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE')
    return said.includes('does not take') ? `${word} takes no value` : `${word} needs a value`
  return said.split('\n')[0] ?? ''
}

/**
 * Runs a program to its end and sets the exit code that it returns. A `UsageError` is written to
 * stderr with the usage, and the exit code is 2.
 */
export async function runProgram(
  usage: string,
  main: () => number | Promise<number>,
): Promise<void> {
  try {
    process.exitCode = await main()
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`${error.message}\n\n${usage}\n`)
    process.exitCode = 2
  }
}
