// Sees to a helm for the tests of the chart: one that is there, else built where there is Go.
import { ensureBinaries } from '../native-cluster/binaries.ts'
import { streamLog } from '../cluster/log.ts'
import { succeeds } from '../images/command.ts'
import { helmProgram } from './chart-render.ts'

export async function setup(): Promise<void> {
  if (helmProgram() !== undefined || !(await succeeds('go', ['version']))) return
  await ensureBinaries(['helm'], { log: streamLog() })
}
