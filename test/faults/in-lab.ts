// What the tests of this lane share: a lab behind a fault proxy for a file of tests, said why when there can be none.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest'
import { labUnavailable, type LabControlPlane } from '../lab/control-plane.ts'
import { startLab, type Lab, type LabOptions } from '../lab/lab.ts'
import { orMissing } from '../lab/api.ts'
import { paths } from '../lab/paths.ts'
import { startFaultProxy, type FaultProxy } from './proxy.ts'

/** What a test works with; there once its lab is up. */
export interface Faulty {
  readonly lab: Lab
  /** Between the operators and the API server, one for each place in the order in which they start. */
  readonly proxies: readonly FaultProxy[]
  readonly proxy: FaultProxy
}

/** Declares tests that share one lab. Before each the proxies let everything through; after each the lab was sound. */
export function inLab(
  name: string,
  options: () => Omit<LabOptions, 'directory' | 'through'>,
  tests: (world: () => Faulty) => void,
): void {
  const unavailable = labUnavailable()
  if (unavailable !== undefined) console.warn(`skipped: ${name}: ${unavailable}`)
  describe.skipIf(unavailable !== undefined)(name, () => {
    let lab: Lab
    let directory: string | undefined
    const proxies: FaultProxy[] = []
    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'lab-'))
      const through = async ({ server, pki }: LabControlPlane): Promise<string> => {
        const proxy = await startFaultProxy({ target: server, pki })
        proxies.push(proxy)
        return proxy.url
      }
      const { replicas = 1, ...rest } = options()
      lab = await startLab({ directory, through, ...rest, replicas: replicas === 1 ? 1 : 0 })
      if (replicas === 1) return
      // Each has a way of its own, and agents follow the leader.
      for (let place = 0; place < replicas; place += 1) {
        if (place > 0) await through(lab.controlPlane)
        await (await lab.addOperator({ server: proxies[place]?.url ?? '' })).ready()
      }
    })
    afterEach(() => {
      for (const proxy of proxies) {
        proxy.clear()
        proxy.heal()
      }
      expect(lab.troubles()).toEqual([])
    })
    afterAll(async () => {
      await lab?.stop()
      await Promise.all(proxies.map((proxy) => proxy.close()))
      if (directory !== undefined)
        await rm(directory, { recursive: true, force: true, maxRetries: 3 })
    })
    tests(() => {
      const [proxy] = proxies
      if (proxy === undefined) throw new Error('no operator has a way to the API server')
      return { lab, proxies, proxy }
    })
  })
}

/** The Pod of the operator that leads, by the Lease. */
export async function leaderOf({ author }: Lab): Promise<string | undefined> {
  const lease = await orMissing(
    author.get<{ readonly spec?: { readonly holderIdentity?: string } }>(
      `${paths.leases}/guildhall-operator`,
    ),
  )
  return lease?.spec?.holderIdentity?.split('_')[0]
}
