import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError, readArguments } from '../core/base/command-line.ts'
import { modelName } from './held-models.ts'

/** What `--help` prints. */
export const usage = `usage: node hack/run.mjs rehearsal/main.ts [options]      in its image: node /app/rehearsal.js [options]

Starts the rehearsal model: a server that speaks Ollama's protocol and answers from scripts. It has no model.

  --port N             where it listens; 11434 (PORT)
  --scripts DIR        the folder of its scripts; scripts/ next to the program (REHEARSAL_SCRIPTS)
  --rate N             tokens a second of each answer, 0 as fast as possible; 60 (REHEARSAL_RATE)
  --parallel N         answers of a model at the same time; 2 (REHEARSAL_PARALLEL)
  --context N          the longest context in tokens; 32768 (REHEARSAL_CONTEXT)
  --load-ms N          how long a model takes to load; 0 (REHEARSAL_LOAD_MS)
  --holds NAME[=BYTES] a model that it holds besides rehearsal; may be given several times (REHEARSAL_HOLDS, by commas)
  --pullable NAME=BYTES  a model that it can pull; may be given several times (REHEARSAL_PULLABLE, by commas)
  --pull-rate N        bytes a second of what it pulls, 0 as fast as possible; 20000000 (REHEARSAL_PULL_RATE)
  --check              only read the scripts and say what is wrong with them
  --help               this`

/** What the program shall do. */
export interface Settings {
  readonly port: number
  readonly scripts: string
  readonly rate: number
  readonly parallel: number
  readonly contextTokens: number
  readonly loadMs: number
  readonly holds: ReadonlyMap<string, number>
  readonly pullable: ReadonlyMap<string, number>
  readonly pullRate: number
}

type Command =
  | { readonly do: 'help' }
  | { readonly do: 'check'; readonly scripts: string }
  | { readonly do: 'serve'; readonly settings: Settings }

/**
 * Reads the command line; what it does not say comes from the environment.
 * `beside`: the folder of the program. Errors: `UsageError` with a sentence for the user.
 */
export function readCommandLine(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  beside: string,
): Command {
  const { values } = readArguments({
    args: [...args],
    options: {
      port: { type: 'string' },
      scripts: { type: 'string' },
      rate: { type: 'string' },
      parallel: { type: 'string' },
      context: { type: 'string' },
      'load-ms': { type: 'string' },
      holds: { type: 'string', multiple: true },
      pullable: { type: 'string', multiple: true },
      'pull-rate': { type: 'string' },
      check: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return { do: 'help' }
  const scripts = values.scripts ?? environment['REHEARSAL_SCRIPTS'] ?? join(beside, 'scripts')
  if (!existsSync(scripts)) {
    throw new UsageError(`there are no scripts at ${scripts}; name their folder with --scripts`)
  }
  if (values.check) return { do: 'check', scripts }

  const number = (
    flag: 'port' | 'rate' | 'parallel' | 'context' | 'load-ms' | 'pull-rate',
    fallback: number,
    least = 0,
  ): number => {
    const given = values[flag] ?? environment[variableOf(flag)]
    const value = Number(given ?? fallback)
    if (given !== '' && Number.isFinite(value) && value >= least) return value
    throw new UsageError(`--${flag} ${JSON.stringify(given)} must be a number of at least ${least}`)
  }
  const models = (flag: 'holds' | 'pullable'): ReadonlyMap<string, number> =>
    new Map(
      (values[flag] ?? environment[variableOf(flag)]?.split(',') ?? [])
        .map((text) => text.trim())
        .filter((text) => text !== '')
        .map((text) => modelOf(flag, text)),
    )
  return {
    do: 'serve',
    settings: {
      port: number('port', 11434),
      scripts,
      rate: number('rate', 60),
      parallel: number('parallel', 2, 1),
      contextTokens: number('context', 32_768, 4),
      loadMs: number('load-ms', 0),
      holds: models('holds'),
      pullable: models('pullable'),
      pullRate: number('pull-rate', 20_000_000),
    },
  }
}

function variableOf(flag: string): string {
  return flag === 'port' ? 'PORT' : `REHEARSAL_${flag.toUpperCase().replace('-', '_')}`
}

function modelOf(flag: 'holds' | 'pullable', text: string): readonly [string, number] {
  const [name = '', size] = text.split('=')
  if (modelName(name) === undefined) {
    throw new UsageError(`--${flag} ${text}: ${JSON.stringify(name)} is not the name of a model`)
  }
  if (size === undefined && flag === 'holds') return [name, 0]
  if (size !== undefined && /^[1-9]\d*$/.test(size)) return [name, Number(size)]
  throw new UsageError(`--${flag} ${text}: say its size in bytes, for example ${name}=4700000000`)
}
