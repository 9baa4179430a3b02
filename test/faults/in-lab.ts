// What the tests of this lane share: a lab for a file of tests, said why when there can be none.
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest'
import { labUnavailable } from '../lab/control-plane.ts'
import { startLab, type Lab, type LabOptions } from '../lab/lab.ts'

/** Declares tests that share one lab. After each of them the lab itself must have had no trouble. */
export function inLab(
  name: string,
  options: () => Omit<LabOptions, 'directory'>,
  tests: (lab: () => Lab) => void,
): void {
  const unavailable = labUnavailable()
  if (unavailable !== undefined) console.warn(`skipped: ${name}: ${unavailable}`)
  describe.skipIf(unavailable !== undefined)(name, () => {
    let lab: Lab
    beforeAll(async () => {
      const directory = await mkdtemp(join(tmpdir(), 'lab-'))
      lab = await startLab({ directory, ...options() })
    })
    afterEach(() => {
      expect(lab.troubles()).toEqual([])
    })
    afterAll(async () => {
      await lab?.stop()
    })
    tests(() => lab)
  })
}
