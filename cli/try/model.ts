// The agents' way to the model without a hub: the operator's gateway, in this process.
import type { ModelCall, ModelEvent } from '../../core/api/agent-protocol.ts'
import type { AgentTask } from '../../core/api/agent-task.ts'
import { errorEvent, ModelError } from '../../core/models/errors.ts'
import type { Gateway } from '../../core/models/gateway.ts'

/** The part of the hub that an attempt needs. */
export interface ModelDoor {
  model(
    call: ModelCall,
    options: { readonly signal: AbortSignal },
  ): AsyncGenerator<ModelEvent, void, void>
  /** What kept the model from answering; nobody is there who would wait for it to come back. */
  readonly lost: ModelError | undefined
}

/** Asks for `task`, which is what the hub tells the gateway about an agent's task. */
export function modelDoor(call: Gateway['call'], task: AgentTask): ModelDoor {
  let lost: ModelError | undefined
  return {
    get lost() {
      return lost
    },
    async *model(asked, { signal }) {
      const { task: _task, uid: _uid, attempt: _attempt, schema, ...question } = asked
      const { spec, metadata } = task
      try {
        yield { kind: 'started', model: spec.model }
        yield await call(
          {
            ...question,
            model: spec.model,
            request: spec.requestRef.name,
            task: metadata.name,
            priority: spec.priority,
            ...(schema === undefined ? {} : { schema }),
          },
          { signal },
        )
      } catch (error) {
        if (!(error instanceof ModelError)) throw error
        // The gateway was patient. In a cluster the attempt would wait on; a person wants to know.
        if (error.retryable) lost = error
        yield errorEvent(error, false)
      }
    },
  }
}
