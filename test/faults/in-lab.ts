// What the tests of this lane share: a lab behind a fault proxy for a file of tests, said why when there can be none.
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest'
import { labUnavailable } from '../lab/control-plane.ts'
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
    const proxies: FaultProxy[] = []
    beforeAll(async () => {
      const directory = await mkdtemp(join(tmpdir(), 'lab-'))
      const through: LabOptions['through'] = async ({ server, pki }) => {
        const proxy = await startFaultProxy({ target: server, pki })
        proxies.push(proxy)
        return proxy.url
      }
      lab = await startLab({ directory, through, ...options() })
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
    })
    tests(() => {
      const [proxy] = proxies
      if (proxy === undefined) throw new Error('no operator has a way to the API server')
      return { lab, proxies, proxy }
    })
  })
}

/** Lets a new operator lead at once, when the old leader was killed and surely writes no more. */
export async function forgetLeader({ author }: Lab): Promise<void> {
  await orMissing(author.delete(`${paths.leases}/guildhall-operator`))
}
