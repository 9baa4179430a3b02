import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { startLab, type Lab } from '../../lab/lab.ts'
import { paths } from '../../lab/paths.ts'
import { SimulatedAgents } from '../../lab/simulated-agents.ts'
import { chainsOf, workTimes, type Workload } from '../workloads.ts'
import {
  type Contender,
  type Measurement,
  measure,
  type IdentityCounts,
  type Observer,
} from '../contender.ts'
import { peakMemory } from '../measure/processes.ts'
import { type FromObserver, type ToObserver, startProgram } from '../program.ts'
import { inspectServer, scratchDirectory, type BenchServer } from '../server.ts'
import { patiently, RequestMaker } from './requests.ts'

/**
 * The real operator with agents that only speak the protocol, and the parts that the other
 * measurements need.
 */
export interface OperatorContender extends Contender {
  readonly lab: Lab
  readonly server: BenchServer
  readonly observer: Observer
  readonly maker: RequestMaker
  readonly pids: Readonly<Record<string, number>>
  readonly identities: () => Promise<IdentityCounts>
  /** The most memory the operator held so far. */
  peakBytes(): Promise<number>
  /** Deletes the requests and tasks of the last run. */
  clear(): Promise<void>
}

/** How the operator is set up. */
interface OperatorSetup {
  /** `agents.maxAgents` of its settings. */
  readonly agents: number
  readonly program: OperatorProgram
  readonly apiServerFlags?: readonly string[]
}

/**
 * Starts a control plane, the forge and the operator. Agents come when there is work for them, and
 * then stay.
 */
export async function startOperatorContender(setup: OperatorSetup): Promise<OperatorContender> {
  const directory = await scratchDirectory()
  const runner = new SimulatedAgents()
  const lab = await startLab({
    directory,
    runner,
    history: false,
    settings: {
      // The bench measures the way of a task to a warm agent. With agents of one request each it
      // would measure the start of Pods.
      agents: { maxAgents: setup.agents, idleSeconds: 86_400, maxTasks: 1_000, reuse: 'any' },
    },
    ...setup.program,
    ...(setup.apiServerFlags === undefined ? {} : { apiServerFlags: setup.apiServerFlags }),
  })
  const observer = startProgram<ToObserver, FromObserver>('observer/main.ts')
  const close = async (): Promise<void> => {
    await observer.stop()
    await lab.stop()
  }
  try {
    const server = await inspectServer(join(directory, 'api'))
    const watching = observer.hear('watching', 30)
    observer.send({
      kind: 'watch',
      access: server.access,
      path: paths.agentTasks,
      shape: 'agenttask',
    })
    await watching
    const maker = new RequestMaker(lab)
    let runs = 0
    const contender: OperatorContender = {
      name: 'operator',
      lab,
      server,
      observer,
      maker,
      get pids() {
        // Agents, and what stands in for nodes and the garbage collector, run in the bench's own
        // process.
        return { contender: lab.operators[0]?.process.pid ?? 0, forge: lab.forge.process.pid }
      },
      identities: async () => patiently(() => lab.requests()),
      run: async (workload) => {
        runs += 1
        const pause = workTimes(workload.meanTaskMs, 1)
        runner.behaviour = () => ({ afterMs: pause() })
        return runOperator(contender, workload, `r${runs}-`)
      },
      peakBytes: async () => peakMemory(contender.pids['contender'] ?? 0),
      clear: async () => maker.clear(),
      close,
    }
    return contender
  } catch (error) {
    await close()
    throw error
  }
}

async function runOperator(
  contender: OperatorContender,
  workload: Workload,
  prefix: string,
): Promise<Measurement> {
  const { maker } = contender
  const chains = chainsOf(prefix, workload)
  const tasks = chains.flat()
  const groups = [...Map.groupBy(tasks, ({ group }) => group)]
  return measure({
    contender: contender.name,
    workload,
    server: contender.server,
    observer: contender.observer,
    prefix,
    tasks,
    pids: contender.pids,
    identities: contender.identities,
    make: async () => {
      await maker.make(chains)
      await untilQuiet(contender)
    },
    go: async (until) => {
      if (workload.arrivals !== undefined) {
        const { everyMs } = workload.arrivals
        // Each by its own timer: one that is answered late does not hold up those behind it.
        const arriving = groups.map(async ([group], place) => {
          await sleep(place * everyMs)
          await maker.resume([group])
        })
        await Promise.all([...arriving, until(prefix, tasks.length)])
        return
      }
      if (!workload.oneByOne) {
        await Promise.all([
          maker.resume(groups.map(([group]) => group)),
          until(prefix, tasks.length),
        ])
        return
      }
      for (const [group, own] of groups)
        await Promise.all([maker.resume([group]), until(`${group}-`, own.length)])
    },
  })
}

/**
 * Waits until no status of a task or request changes any more: the operator has seen everything
 * that was made.
 */
async function untilQuiet({ server }: OperatorContender): Promise<void> {
  const count = async (): Promise<number> => {
    const { requests } = await server.counters()
    return (requests['PUT agenttasks/status'] ?? 0) + (requests['PUT devrequests/status'] ?? 0)
  }
  for (let before = -1, now = await count(); now !== before; ) {
    before = now
    await sleep(2_000)
    now = await count()
  }
}

const root = join(import.meta.dirname, '../../..')

/**
 * How the operator's image runs it: compiled, with the options of its Dockerfile. From source it
 * takes 30 MB more.
 */
export interface OperatorProgram {
  readonly entry: string
  readonly nodeArguments: readonly string[]
}

/** Compiles the operator into `dist/`, as `npm run build` does. */
export async function buildOperator(): Promise<OperatorProgram> {
  await execa('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, preferLocal: true })
  const dockerfile = await readFile(join(root, 'operator/Dockerfile'), 'utf8')
  const [, options] = /NODE_OPTIONS="([^"]+)"/.exec(dockerfile) ?? []
  if (options === undefined) throw new Error('operator/Dockerfile sets no NODE_OPTIONS="…"')
  return { entry: join(root, 'dist/operator/main.js'), nodeArguments: options.split(' ') }
}
