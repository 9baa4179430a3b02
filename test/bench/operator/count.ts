import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { auditPolicy, countByIdentity } from '../measure/audit.ts'
import type { Results } from '../results.ts'
import { scratchDirectory } from '../server.ts'
import { manyWorkload, type Size } from '../workloads.ts'
import type { OperatorProgram } from './build.ts'
import { startOperatorContender } from './contender.ts'

const agents = 40

/**
 * Counts who asks the API server for what, from its audit log, in a run of its own: writing the log costs the server
 * CPU. The window begins before the tasks are made and ends when all are finished; agents are there and warm.
 */
export async function countRequests(
  size: Size,
  program: OperatorProgram,
): Promise<NonNullable<Results['audit']>> {
  const directory = await scratchDirectory()
  const [policy, log] = [join(directory, 'policy.yaml'), join(directory, 'audit.log')]
  await writeFile(policy, auditPolicy)
  const operator = await startOperatorContender({
    agents,
    program,
    apiServerFlags: [
      `--audit-policy-file=${policy}`,
      `--audit-log-path=${log}`,
      '--audit-log-mode=blocking',
    ],
  })
  try {
    const workload = manyWorkload(200, size)
    await operator.run({ ...workload, name: 'warm', groups: agents / 10, length: 1 })
    await operator.clear()
    const before = (await readFile(log, 'utf8')).length
    const { tasks } = await operator.run(workload)
    const text = await readFile(log, 'utf8')
    return { tasks, identities: countByIdentity(text.slice(before)) }
  } finally {
    await operator.close()
    await rm(directory, { recursive: true, force: true })
  }
}
