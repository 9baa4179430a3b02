import { type Contender, type Measurement, measure, rateOf } from '../contender.ts'
import {
  type Size,
  type Workload,
  chainsOf,
  flightWorkload,
  flightsOf,
  idleWorkload,
  loadWorkload,
} from '../workloads.ts'
import { startControlPlane } from '../../../hack/native-cluster/control-plane.ts'
import { KubeClient } from '../../../core/kube/client.ts'
import { kubeconfigFile } from '../../../core/kube/config.ts'
import { namespaces } from '../../../core/kube/built-in-kinds.ts'
import { systemClock as clock, systemRandom as random } from '../../../core/base/clock.ts'
import { serveKind } from '../../conformance/definitions.ts'
import {
  type FromObserver,
  type FromWriter,
  type ToObserver,
  type ToWriter,
  startProgram,
} from '../program.ts'
import { type BenchServer, inspectServer, scratchDirectory } from '../server.ts'
import { floorDefinition, floorPath } from './definition.ts'

/** Told of every run when it ends. */
export type OnRun = (measurement: Measurement) => void

/**
 * Measures the floor once on a fresh API server: throughput by tasks in flight, dispatch on an idle
 * machine, and under a load: of `writesPerSecond`, else of half the throughput that it just
 * reached.
 */
export async function floorSuite(
  size: Size,
  onRun: OnRun,
  writesPerSecond?: number,
): Promise<{ readonly inMemory: boolean }> {
  const floor = await startFloor()
  try {
    const run = async (workload: Workload): Promise<Measurement> => {
      const measurement = await floor.run(workload)
      onRun(measurement)
      return measurement
    }
    await run(idleWorkload(size))
    let most = 0
    for (const inFlight of flightsOf(size)) {
      most = Math.max(most, rateOf(await run(flightWorkload(inFlight, size))))
    }
    await run(
      loadWorkload('half', writesPerSecond === undefined ? most / 2 : writesPerSecond / 2, size),
    )
    return { inMemory: floor.inMemory }
  } finally {
    await floor.close()
  }
}

const namespace = 'floor'

/**
 * The most that this machine can do: the smallest client, two status writes for each task, an API
 * server of its own.
 */
async function startFloor(): Promise<Contender & { readonly inMemory: boolean }> {
  const directory = await scratchDirectory()
  const { kubeconfig, stop } = await startControlPlane({ directory })
  try {
    const config = await kubeconfigFile({ clock, path: kubeconfig })
    const client = new KubeClient({ config, clock, random, userAgent: 'guildhall-bench' })
    await serveKind(client, floorDefinition)
    await client.create(namespaces, { metadata: { name: namespace } })
    await client.close()
    const server = await inspectServer(directory)
    let runs = 0
    return {
      name: 'floor',
      inMemory: server.inMemory,
      run: async (workload) => {
        runs += 1
        return runFloor(server, workload, `f${runs}-`)
      },
      close: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function runFloor(
  server: BenchServer,
  workload: Workload,
  prefix: string,
): Promise<Measurement> {
  const { access } = server
  const chains = chainsOf(prefix, workload)
  const observer = startProgram<ToObserver, FromObserver>('observer/main.ts')
  const writer = startProgram<ToWriter, FromWriter>('floor/main.ts')
  try {
    const lists = workload.oneByOne ? [chains.flat()] : chains
    writer.send({
      kind: 'prepare',
      access,
      namespace,
      chains: lists.map((chain) => chain.map(({ name }) => name)),
      everyMs: workload.arrivals?.everyMs ?? 0,
      meanTaskMs: workload.meanTaskMs,
      mostSeconds: workload.mostSeconds,
    })
    await writer.hear('prepared', 600)
    const watching = observer.hear('watching', 30)
    observer.send({ kind: 'watch', access, path: floorPath(namespace), shape: 'floor' })
    await watching
    return await measure({
      contender: 'floor',
      workload,
      server,
      observer,
      prefix,
      tasks: chains.flat(),
      pids: { contender: writer.pid },
      go: async (until) => {
        writer.send({ kind: 'go' })
        await until(prefix, chains.flat().length)
      },
    })
  } finally {
    await Promise.all([writer.stop(), observer.stop()])
  }
}
