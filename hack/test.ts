// `npm test`: every lane, one after another, and one closing line. A lane that cannot run here says why.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'

/** What each lane needs beyond the clone; the tests themselves bring it up. */
const lanes = {
  unit: 'pure code, real git, real sockets on loopback',
  verdicts:
    'whole repositories and stories of careless models through the real agent: what is Done, and what is not',
  chart: 'what helm makes of the chart',
  simulation: 'the whole operator in virtual time, with faults; see docs/reliability.md',
  conformance: 'a real kube-apiserver and etcd, started by the tests',
  faults:
    'the real operator before a kube-apiserver that fails, and agents that die; started by the tests',
  models: 'planner, guild plan and rehearsal model beside the real Ollama, with a very small model',
  cluster: 'a real cluster with images, chart, agents and models',
  containers: 'the images as ordinary containers; needs a container engine',
} as const
type Lane = keyof typeof lanes
const laneNames = Object.keys(lanes) as Lane[]

const usage = `usage: npm test [-- LANE …]

Runs the tests and prints one closing line. Without a lane: all of them.

${laneNames.map((lane) => `  ${lane.padEnd(13)} ${lanes[lane]}`).join('\n')}`

interface Count {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** One line for each test that failed. */
  readonly failures: readonly string[]
}

/** What vitest's JSON reporter writes, as far as it is read. */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly message?: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages?: readonly string[] | null
    }[]
  }[]
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { help: { type: 'boolean', short: 'h', default: false } },
    allowPositionals: true,
  })
  if (values.help) {
    console.log(usage)
    return 0
  }
  const unknown = positionals.find((name) => !laneNames.includes(name as Lane))
  if (unknown !== undefined) {
    console.error(`there is no lane ${unknown}\n\n${usage}`)
    return 2
  }
  const wanted = positionals.length === 0 ? laneNames : (positionals as Lane[])
  const scratch = mkdtempSync(join(tmpdir(), 'guildhall-test-'))
  const counts: Count[] = []
  try {
    for (const lane of wanted) {
      console.log(`\n== ${lane}: ${lanes[lane]}`)
      const startedAt = Date.now()
      const count = await runLane(lane, join(scratch, `${lane}.json`))
      counts.push(count)
      const seconds = Math.round((Date.now() - startedAt) / 1000)
      console.log(
        `== ${lane}: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped in ${seconds} s`,
      )
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  for (const failure of counts.flatMap(({ failures }) => failures)) console.log(failure)
  const total = (key: 'passed' | 'failed' | 'skipped'): number =>
    counts.reduce((sum, count) => sum + count[key], 0)
  console.log(`\n${total('passed')} passed, ${total('failed')} failed, ${total('skipped')} skipped`)
  return total('failed') === 0 ? 0 : 1
}

/** Runs one vitest project; a runner that dies without a report counts as one failed test. */
async function runLane(lane: Lane, report: string): Promise<Count> {
  const args = [
    'run',
    `--project=${lane}`,
    '--passWithNoTests=false',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]
  const code = await new Promise<number>((resolve) => {
    const child = spawn('vitest', args, {
      stdio: 'inherit',
      env: { ...process.env, ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }) },
    })
    child.on('close', (status) => resolve(status ?? 1))
  })
  try {
    const result = JSON.parse(readFileSync(report, 'utf8')) as Report
    const failed = code !== 0 && result.numFailedTests === 0 ? 1 : result.numFailedTests
    const failures = failuresOf(result).map((line) => `FAILED ${lane}: ${line}`)
    return { passed: result.numPassedTests, failed, skipped: result.numPendingTests, failures }
  } catch {
    const failure = `FAILED ${lane}: ended without a report (exit code ${code})`
    return { passed: 0, failed: 1, skipped: 0, failures: [failure] }
  }
}

/** Each failure as `file > test: first line of what was wrong`. */
function failuresOf({ testResults }: Report): readonly string[] {
  return testResults.flatMap(({ name, message = '', assertionResults }) => {
    const file = relative(process.cwd(), name)
    const failed = assertionResults.filter(({ status }) => status === 'failed')
    const tests = failed.map(
      ({ fullName, failureMessages }) => `${fullName}: ${firstLine(failureMessages?.[0] ?? '')}`,
    )
    // A file that cannot be loaded, or whose set-up fails, has no test to blame.
    const all = tests.length === 0 && message !== '' ? [firstLine(message)] : tests
    return all.map((line) => `${file} > ${line}`)
  })
}

function firstLine(text: string): string {
  return (text.split('\n', 1)[0] ?? '').slice(0, 300)
}

process.exitCode = await main()
