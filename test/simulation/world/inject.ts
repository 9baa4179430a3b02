import type { KubeClient } from '../../../core/kube/client.ts'
import type { SimulatedApiServer } from '../../../simulated-kubernetes/server.ts'
import type { SimulatedNode } from './node.ts'
import type { Operators } from './operators.ts'
import { remove } from './people.ts'
import type { Fault } from '../story.ts'
import type { Timeline } from './timeline.ts'

/** Everything that a fault can strike. */
export interface Stage {
  readonly operators: Operators
  readonly node: SimulatedNode
  readonly server: SimulatedApiServer
  readonly people: KubeClient
  readonly timeline: Timeline
}

/** Lets a fault that has its moment happen; false when there is nothing that it could strike. */
export function inject(fault: Extract<Fault, { readonly atMs: number }>, stage: Stage): boolean {
  const { operators, node, server, timeline, people } = stage
  const { leader } = operators
  switch (fault.kind) {
    case 'kill':
      if (leader !== undefined) operators.kill(leader.process, fault.restartMs)
      return leader !== undefined
    case 'terminate':
      operators.terminate()
      return leader !== undefined
    case 'pause':
      leader?.process.pause()
      timeline.after(fault.forMs, () => leader?.process.resume())
      return leader !== undefined
    case 'clock':
      if (leader !== undefined) leader.process.skewMs += fault.byMs
      return leader !== undefined
    case 'rate':
      leader?.process.runAt(fault.by)
      return leader !== undefined
    case 'stale':
    case 'hide':
    case 'cut':
    case 'silence': {
      const pipes = [...(leader?.network.pipes ?? [])].filter(
        ({ plural, isOpen }) => plural === fault.plural && isOpen,
      )
      for (const pipe of pipes) {
        if (fault.kind === 'cut') pipe.cut()
        else if (fault.kind === 'silence') pipe.silence()
        else if (fault.kind === 'stale') {
          pipe.hold(fault.revisions)
          timeline.after(fault.forMs, () => pipe.release())
        } else {
          pipe.hold(Number.POSITIVE_INFINITY)
          timeline.after(fault.forMs, () => {
            server.compact()
            pipe.cut()
          })
        }
      }
      return pipes.length > 0
    }
    case 'compact':
      server.compact()
      return true
    case 'agent': {
      const [agent] = node.agents.toSorted(
        (a, b) => Number(b.agent.holding !== undefined) - Number(a.agent.holding !== undefined),
      )
      if (agent === undefined) return false
      if (fault.does === 'die') agent.exit(137)
      else if (fault.does === 'partition') agent.partedUntil = timeline.elapsed + fault.forMs
      else agent.mood = fault.does
      return true
    }
    case 'delete':
      void remove(people, server, fault)
      return true
    case 'forge':
    case 'model':
    case 'pods':
    case 'refuse':
    case 'lose':
    case 'late':
    case 'down':
    case 'events':
      // Asked for while it lasts; see Troubles.
      return false
  }
}
