import type { AgentTask } from '../core/api/agent-task.ts'

/** Reads one AgentTask, live: a push is judged by what the API server says now. */
export interface TaskReader {
  /** Undefined when there is no such task. Errors: whatever kept it from asking. */
  read(name: string, options: { readonly signal: AbortSignal }): Promise<AgentTask | undefined>
}
