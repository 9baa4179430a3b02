import { readArguments } from '../../core/base/command-line.ts'

export const usage = `usage: npm run bench -- floor|operator [--quick] [--tasks N] [--agents N] [--json FILE] [--only PART] [--profile DIR]
       npm run bench -- gateway [--quick] [--json FILE]
       npm run bench -- report FILE

Measures on a real kube-apiserver and etcd that it starts itself, with their data in memory; the gateway without them.

  floor      the most that this machine can do: the smallest client, two status writes for each task
  operator   the real operator with simulated agents, the floor before and after it; prints the goals with it
  gateway    what the model gateway adds to a call, side by side with the bare rehearsal model, and how busy it keeps the slots
  report     fills docs/performance.md and draws docs/bench/*.svg from the JSON of a run

  --quick        about three minutes instead of twenty (gateway: ten seconds); figures are rougher, recovery and request table are left out
  --tasks N      the largest number of tasks at once (10000; 1000 with --quick)
  --agents N     simulated agents (200; 50 with --quick)
  --json FILE    where the results go; docs/bench/<command>.json by default, nowhere for a quick run
  --only PART    of operator: work, count or recovery alone, without the floor
  --profile DIR  writes CPU profiles of the operator there; they cost it a few percent`

/** What the command line asks for. */
export type Options =
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly message: string }
  | { readonly kind: 'report'; readonly file: string }
  | { readonly kind: 'gateway'; readonly quick: boolean; readonly json: string | undefined }
  | {
      readonly kind: 'floor' | 'operator'
      readonly quick: boolean
      readonly tasks: number
      readonly agents: number
      readonly json: string | undefined
      readonly only: Part | undefined
      readonly profile: string | undefined
    }

const partNames = ['work', 'count', 'recovery'] as const
export type Part = (typeof partNames)[number]

/** Reads the command line; a mistake becomes a sentence. */
export function parseOptions(args: readonly string[]): Options {
  try {
    const { values, positionals } = readArguments({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        quick: { type: 'boolean', default: false },
        tasks: { type: 'string' },
        agents: { type: 'string' },
        json: { type: 'string' },
        only: { type: 'string' },
        profile: { type: 'string' },
      },
    })
    const [command, file, ...more] = positionals
    if (values.help) return { kind: 'help' }
    if (more.length > 0) return wrong(`too much on the command line: ${more.join(' ')}`)
    if (command === 'report')
      return file === undefined
        ? wrong('report needs the JSON file of a run')
        : { kind: 'report', file }
    if (command !== 'floor' && command !== 'operator' && command !== 'gateway')
      return wrong(`there is no bench ${command ?? 'without a name'}`)
    if (file !== undefined) return wrong(`too much on the command line: ${file}`)
    const { quick, only } = values
    if (command === 'gateway')
      return {
        kind: command,
        quick,
        json: values.json ?? (quick ? undefined : 'docs/bench/gateway.json'),
      }
    const part = partNames.find((name) => name === only)
    if (only !== undefined && part === undefined)
      return wrong(`--only takes ${partNames.join(', ')}, not ${only}`)
    const tasks = whole(values.tasks ?? (quick ? '1000' : '10000'), 100)
    const agents = whole(values.agents ?? (quick ? '50' : '200'), 10)
    if (tasks === undefined) return wrong('--tasks takes a whole number from 100 on')
    if (agents === undefined || agents > 500)
      return wrong('--agents takes a whole number from 10 to 500')
    return {
      kind: command,
      quick,
      tasks,
      agents,
      only: part,
      profile: values.profile,
      json: values.json ?? (quick || part !== undefined ? undefined : `docs/bench/${command}.json`),
    }
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error))
  }
}

function wrong(message: string): Options {
  return { kind: 'wrong', message }
}

function whole(text: string, least: number): number | undefined {
  const number = Number(text)
  return Number.isInteger(number) && number >= least ? number : undefined
}
