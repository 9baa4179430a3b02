import fc from 'fast-check'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { KubeClient } from '../../../core/kube/client.ts'
import { systemClock as clock, systemRandom as random } from '../../../core/base/clock.ts'
import { SimulatedApiServer } from '../../../simulated-kubernetes/server.ts'
import { type RunningBackend, realBackend } from '../backend.ts'
import { type Definition, serveKind } from '../definitions.ts'
import { widgetDefinition } from '../world.ts'
import { isCutToday, share } from '../../../hack/lanes/lanes.ts'
import { type Command, command } from './commands.ts'
import { type Entry, runSequence } from './sequence.ts'
import { type Side, realSide, simulatedSide } from './side.ts'

/** How many sequences are run; more, and other ones, by hand. */
const usualRuns = share === 'fast' ? 100 : isCutToday ? 300 : 1_000
const runs = Number(process.env['GUILDHALL_FIDELITY_RUNS'] ?? usualRuns)
const seed = Number(process.env['GUILDHALL_FIDELITY_SEED'] ?? 1)
/** Sequences at the same time: the real server spends most of each waiting. */
const lanes = 8

const crds = join(import.meta.dirname, '../../../crds')
const definitions = (): readonly Definition[] => [
  widgetDefinition,
  ...readdirSync(crds)
    .filter((file) => file.endsWith('.yaml'))
    .map((file): Definition => parse(readFileSync(join(crds, file), 'utf8'))),
]

const backend = realBackend()
if (backend.unavailable !== undefined) console.warn(`skipped: fidelity: ${backend.unavailable}`)

describe.skipIf(backend.unavailable !== undefined)('the simulated API server', () => {
  let running: RunningBackend
  let real: Side
  let simulated: Side

  beforeAll(async () => {
    running = await backend.start()
    const client = new KubeClient({ config: running.config, clock, random })
    const api = new SimulatedApiServer({ clock, random, showsOwners: true, historyLimit: 100_000 })
    const other = new KubeClient({
      config: running.config,
      clock,
      random,
      transport: api.transport(),
    })
    for (const definition of definitions()) {
      await serveKind(client, definition)
      await serveKind(other, definition)
    }
    await client.close()
    real = realSide(running.config)
    simulated = simulatedSide(api)
  })
  afterAll(async () => {
    await real?.close()
    await running?.stop()
  })

  test(`gives the same answers as the real one to ${runs} random sequences`, {
    timeout: 1_800_000,
  }, async () => {
    let steps = 0
    const same = async (commands: readonly Command[]) => {
      const options = { namespace: `fidelity-${random.uuid().slice(0, 8)}`, startedAt: clock.now() }
      const [want, got] = await Promise.all([
        runSequence(real, commands, options),
        runSequence(simulated, commands, options),
      ])
      steps += want.length
      const difference = firstDifference(want, got)
      if (difference !== undefined) throw new Error(difference)
    }
    const sequence = fc.array(command, { minLength: 10, maxLength: 20 })
    await Promise.all(
      Array.from({ length: lanes }, async (_, lane) =>
        fc.assert(fc.asyncProperty(sequence, same), {
          numRuns: Math.ceil(runs / lanes),
          seed: seed * lanes + lane,
          // Shrinking begins with dropping steps; what a sequence of one or two does not show needs
          // no more.
          interruptAfterTimeLimit: 1_700_000,
          markInterruptAsFailure: true,
        }),
      ),
    )
    expect(steps).toBeGreaterThan(runs * 10)
  })
})

/** The first thing that the two said differently, as a text. */
function firstDifference(want: readonly Entry[], got: readonly Entry[]): string | undefined {
  const index = want.findIndex((entry, at) => !isDeepStrictEqual(entry, got[at]))
  if (index < 0 && want.length === got.length) return undefined
  const told = (entry: Entry | undefined) => JSON.stringify(entry?.result, undefined, 2)
  return [
    `step ${index}: ${JSON.stringify(want[index]?.command)}`,
    `the real server: ${told(want[index])}`,
    `the simulated one: ${told(got[index])}`,
  ].join('\n')
}
