import { expect, test } from 'vitest'
import { Cache, calmAudit } from '../../../test/support/cache.ts'
import { agent } from '../../../test/support/objects.ts'
import { silentLogger as log } from '../../../test/support/silent-logger.ts'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import type { AgentSettings } from '../../settings/config.ts'
import { agentTasks, agents as agentKind } from '../../../core/api/kinds.ts'
import { AgentStreams } from '../../presence/agent-streams.ts'
import { pods } from '../../../core/kube/built-in-kinds.ts'
import { KubeError } from '../../../core/kube/errors.ts'
import { type KubeObject, keyOf } from '../../../core/kube/resource.ts'
import { type World, taskIndexes } from '../world.ts'
import { agentReconciler } from './controller.ts'
import { Outcomes } from './outcomes.ts'
import { StartFailures } from './start-failures.ts'

const going = agent('coding-1', { state: 'terminated' })
const goneAlready = new KubeError({ status: 404, reason: 'NotFound', message: 'gone' })

/**
 * Reconciles an agent that is to go. `answer` answers the deletion; `isShown` says whether the
 * cache shows it.
 */
async function pass(answer: KubeObject | KubeError | undefined, isShown: boolean) {
  const clock = new VirtualClock()
  const agents = new Cache(agentKind)
  agents.put(going)
  const client = {
    delete: async () => {
      if (isShown) agents.remove(going)
      if (answer instanceof KubeError) throw answer
      return answer
    },
  }
  const tasks = new Cache(agentTasks, taskIndexes)
  const world = { agents, tasks, pods: new Cache(pods), client, clock, audit: calmAudit }
  const reconcile = agentReconciler(world as unknown as World, {
    streams: new AgentStreams(clock),
    settings: {} as AgentSettings,
    outcomes: new Outcomes(agents),
    starts: new StartFailures(clock),
  })
  return reconcile(keyOf(going.metadata), { signal: new AbortController().signal, log })
}

test.each([
  ['is done once the cache shows it', undefined, true],
  ['by somebody else is done once the cache shows it', goneAlready, true],
  ['that a finalizer holds up is done, and its write comes back', going, false],
] as const)('a removal %s', async (_, answer, isShown) => {
  await expect(pass(answer, isShown)).resolves.toEqual({ kind: 'done' })
})

test.each([undefined, goneAlready])(
  'no decision rests on a cache from before a removal that was answered with %s',
  async (answer) => {
    await expect(pass(answer, false)).rejects.toThrow('has not come back yet')
  },
)
