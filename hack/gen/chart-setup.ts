// Provides a helm for the tests of the chart: the one that is there, else one for this machine. Where none can be had, the
// tests are skipped and say so.
import { streamLog } from '../cluster/log.ts'
import { succeeds } from '../images/command.ts'
import { ensureBinaries } from '../native-cluster/binaries.ts'
import { helmProgram } from './chart-render.ts'

export async function setup(): Promise<void> {
  if (helmProgram() !== undefined) return
  const log = streamLog()
  try {
    await ensureBinaries(['helm'], { log })
  } catch (error) {
    if (await succeeds('go', ['version'])) throw error
    log.line(String(error))
  }
}
