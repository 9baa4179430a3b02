// `npm test`: every lane, and one closing line. A lane that cannot run here says why.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UsageError, readArguments, runProgram } from '../core/base/command-line.ts'
import {
  fastLanes,
  laneNames,
  lanes,
  type Chain,
  type Lane,
  type LaneName,
  type Share,
} from './lanes/lanes.ts'
import { runLane, runToEnd, signalAll, type Count } from './lanes/run-lane.ts'

const usage = `usage: npm test [-- LANE … | --fast | --whole]

Runs the tests and prints one closing line. Without a lane: all of them, the ones that compute beside the ones that wait
for servers, models or a cluster; each line then begins with the name of its lane.

${laneNames.map((lane) => `  ${lane.padEnd(13)} ${lanes[lane].about}`).join('\n')}

options
  --fast         ${fastLanes.join(', ')}: without the unit tests that start many
                 processes, and with less of the last two. For the time while you work
  --whole        nothing is cut: all stories of \`verdicts\`, all seeds, crash points and depths of \`simulation\`
  --one-by-one   no lane beside another, in the order above
  --help

A lane that is named runs whole. Without names, the slow files of \`unit\`, the stories of \`verdicts\` and the requests of
\`models\` are cut to a third, another third each day, and \`simulation\` runs as many seeds as its budget allows. Each prints how
many. Where CI is set, only \`simulation\` is cut.`

interface Wish {
  readonly wanted: readonly LaneName[]
  readonly share: Share
  readonly oneByOne: boolean
}

/** What the command line asks for. Errors: `UsageError`. */
function wishOf(args: readonly string[]): Wish | 'help' {
  const { values, positionals } = readArguments({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      fast: { type: 'boolean', default: false },
      whole: { type: 'boolean', default: false },
      'one-by-one': { type: 'boolean', default: false },
    },
    allowPositionals: true,
  })
  if (values.help) return 'help'
  const isLane = (name: string): name is LaneName => laneNames.some((lane) => lane === name)
  const unknown = positionals.find((name) => !isLane(name))
  if (unknown !== undefined) throw new UsageError(`there is no lane ${unknown}`)
  if (values.fast && values.whole)
    throw new UsageError(
      '--fast leaves tests out and --whole leaves out none; give only one of them',
    )
  if (values.fast && positionals.length > 0)
    throw new UsageError(
      `--fast names its lanes itself, and a lane that is named runs whole; leave out --fast or ${positionals.join(' ')}`,
    )
  const named = [...new Set(positionals.filter(isLane))]
  return {
    wanted: values.fast ? fastLanes : named.length > 0 ? named : laneNames,
    share: values.fast ? 'fast' : values.whole || named.length > 0 ? 'whole' : 'budget',
    oneByOne: values['one-by-one'],
  }
}

async function main(): Promise<number> {
  const wish = wishOf(process.argv.slice(2))
  if (wish === 'help') {
    console.log(usage)
    return 0
  }
  const scratch = mkdtempSync(join(tmpdir(), 'guildhall-test-'))
  const startedAt = Date.now()
  try {
    const counts = await runAll(wish, scratch)
    if (interrupted !== undefined) return 128 + (interrupted === 'SIGINT' ? 2 : 15)
    for (const failure of counts.flatMap(({ failures }) => failures)) console.log(failure)
    const total = (key: 'passed' | 'failed' | 'skipped'): number =>
      counts.reduce((sum, count) => sum + count[key], 0)
    const minutes = ((Date.now() - startedAt) / 60_000).toFixed(1)
    const part = wish.share === 'fast' ? '; --fast left out the other lanes and most seeds' : ''
    console.log(`\nlanes run: ${counts.length}, in ${minutes} min${part}`)
    console.log(`${total('passed')} passed, ${total('failed')} failed, ${total('skipped')} skipped`)
    return total('failed') === 0 ? 0 : 1
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

let interrupted: NodeJS.Signals | undefined

/** The first signal lets the lanes clean up, for ten seconds; a second one ends them at once. */
function endOnSignals(): void {
  let since = 0
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      const first = interrupted === undefined
      // One Ctrl-C comes twice: from the terminal, and from npm or hack/run.mjs, which pass it on.
      if (!first && Date.now() - since < 1_000) return
      since = Date.now()
      interrupted ??= signal
      if (first) console.log('\nending what was started; once more ends it at once')
      signalAll(first ? 'SIGINT' : 'SIGKILL')
      setTimeout(() => signalAll('SIGKILL'), 10_000).unref()
    })
}

async function runAll({ wanted, share, oneByOne }: Wish, scratch: string): Promise<Count[]> {
  endOnSignals()
  const counts: Count[] = []
  const chainOf = (lane: LaneName): Chain => (oneByOne ? 'computing' : lanes[lane].chain)
  const beside = new Set(wanted.map(chainOf)).size > 1
  const print = (lane: string) => (text: string) => console.log(`${lane.padEnd(11)} | ${text}`)
  const needed = wanted.map((lane) => needsOf(lane))
  const prepared = {
    binaries: needed.some(Boolean) && beside ? prepare('binaries', print('prepare')) : settled,
    images: settled,
  }
  if (needed.includes('images') && beside)
    prepared.images = prepared.binaries.then(() => prepare('images', print('prepare')))
  const chain = async (name: Chain): Promise<void> => {
    for (const lane of wanted.filter((each) => chainOf(each) === name)) {
      const need = needsOf(lane)
      if (need !== undefined) await prepared[need]
      if (interrupted !== undefined) return
      console.log(`\n== ${lane}: ${lanes[lane].about}`)
      const startedAt = Date.now()
      const count = await runLane(lane, join(scratch, `${lane}.json`), {
        env: { GUILDHALL_TEST_SHARE: share },
        ...(beside && { line: print(lane), niceness: lanes[lane].niceness }),
      })
      if (interrupted !== undefined) return
      counts.push(count)
      const seconds = Math.round((Date.now() - startedAt) / 1000)
      console.log(
        `== ${lane}: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped in ${seconds} s`,
      )
    }
  }
  await Promise.all([chain('computing'), chain('waiting')])
  await Promise.all([prepared.binaries, prepared.images])
  return counts
}

const settled: Promise<unknown> = Promise.resolve()

function needsOf(name: LaneName): Lane['needs'] {
  const lane: Lane = lanes[name]
  return lane.needs
}

/** Builds in the background, at the lowest priority, what lanes of the other chain will need. */
function prepare(what: 'binaries' | 'images', line: (text: string) => void): Promise<number> {
  if (interrupted !== undefined) return Promise.resolve(1)
  const args = ['hack/lanes/prepare.ts', what]
  return runToEnd({ command: process.execPath, args, niceness: 10, line })
}

await runProgram(usage, main)
