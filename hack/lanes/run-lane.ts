// One lane as a vitest process: its output line by line, its report as counts, its end on a signal.
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { relative } from 'node:path'
import { createInterface } from 'node:readline'

export interface Count {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** One line for each test that failed. */
  readonly failures: readonly string[]
}

/** What vitest's JSON reporter writes, as far as it is read. */
export interface VitestReport {
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

/** A program and the lines that it prints. */
interface Printing {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly niceness?: number
  /** Each line of stdout and stderr; without it they go to ours as they are. */
  readonly line?: (text: string) => void
}

const running = new Set<ChildProcess>()

/** Runs a program in a process group of its own, so that {@link signalAll} reaches whatever it started; gives its exit code. */
export function runToEnd({ command, args, env, niceness, line }: Printing): Promise<number> {
  const colours = process.stdout.isTTY && line === undefined ? {} : { NO_COLOR: '1' }
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', line ? 'pipe' : 'inherit', line ? 'pipe' : 'inherit'],
    env: { ...process.env, ...colours, ...env },
  })
  running.add(child)
  // Before it starts others, which inherit it.
  if (niceness !== undefined && child.pid !== undefined) setPriority(child.pid, niceness)
  for (const stream of [child.stdout, child.stderr])
    if (stream && line) createInterface({ input: stream }).on('line', line)
  return new Promise((resolve) => {
    const ended = (code: number | null): void => {
      running.delete(child)
      resolve(code ?? 1)
    }
    child.on('error', () => ended(1))
    child.on('close', ended)
  })
}

/** Sends a signal to every program that runs, and to all that these started. */
export function signalAll(signal: NodeJS.Signals): void {
  for (const { pid } of running) {
    try {
      if (pid !== undefined) process.kill(-pid, signal)
    } catch {
      // It ended a moment ago.
    }
  }
}

/** Runs one vitest project; a runner that dies without a report counts as one failed test. */
export async function runLane(
  lane: string,
  report: string,
  options: Omit<Printing, 'command' | 'args'>,
): Promise<Count> {
  const args = [
    'run',
    `--project=${lane}`,
    '--passWithNoTests=false',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]
  const code = await runToEnd({ ...options, command: 'vitest', args })
  try {
    return countOf(lane, code, JSON.parse(readFileSync(report, 'utf8')) as VitestReport)
  } catch {
    const failure = `FAILED ${lane}: ended without a report (exit code ${code})`
    return { passed: 0, failed: 1, skipped: 0, failures: [failure] }
  }
}

/** The counts of a report. A runner that failed although no test did counts as one failed test. */
export function countOf(lane: string, code: number, report: VitestReport): Count {
  const failed = code !== 0 && report.numFailedTests === 0 ? 1 : report.numFailedTests
  const told = failuresOf(report)
  const failures =
    failed > 0 && told.length === 0 ? [`no test failed, but the exit code is ${code}`] : told
  return {
    passed: report.numPassedTests,
    failed,
    skipped: report.numPendingTests,
    failures: failures.map((line) => `FAILED ${lane}: ${line}`),
  }
}

/** Each failure as `file > test: first line of what was wrong`. */
function failuresOf({ testResults }: VitestReport): readonly string[] {
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
