import type { SeededBug } from './bugs.ts'

/** Mistakes around agents: how many there are, who holds what, when one is given up. */
export const agentBugs: readonly SeededBug[] = [
  {
    name: 'one-agent-too-many',
    story: 'The maximum of agents is exceeded by one.',
    edits: [
      {
        file: 'operator/scheduler/schedule.ts',
        find: 'if (total < maxAgents) {',
        replace: 'if (total <= maxAgents) {',
      },
    ],
  },
  {
    name: 'busy-agents-get-more',
    story: 'An agent that holds a task gets another one.',
    edits: [
      {
        file: 'operator/scheduler/schedule.ts',
        find: '(agent) => agent.connected && agent.podUid !== undefined && !isBusy(agent),',
        replace: '(agent) => agent.connected && agent.podUid !== undefined,',
      },
    ],
  },
  {
    name: 'agents-serve-two-requests',
    story: 'An agent that worked for one request is given a task of another.',
    edits: [
      {
        file: 'operator/scheduler/agents.ts',
        find: "return serves.kind === 'anyone' || (serves.kind === 'request' && serves.uid === requestUid)",
        replace: "return serves.kind !== 'nobody' || requestUid === ''",
      },
      {
        file: 'operator/scheduler/assignments.ts',
        find: 'if (served !== undefined) return served.uid === uid',
        replace: 'if (served !== undefined) return true',
      },
    ],
  },
  {
    name: 'idle-agents-stay',
    story: 'Agents that are idle for too long are kept.',
    edits: [
      {
        file: 'operator/scheduler/schedule.ts',
        find: 'if (end <= now) retire.push',
        replace: 'if (end <= now && input.lines.length > 0) retire.push',
      },
    ],
  },
  {
    name: 'no-patience-with-agents',
    story: 'An agent whose stream is closed for a moment has lost its task.',
    edits: [
      {
        file: 'operator/controllers/agenttask/holder.ts',
        find: 'heard.known ? lostMs : returnMs',
        replace: 'heard.known ? 0 : 0',
      },
    ],
  },
  {
    name: 'dead-agents-keep-their-task',
    story: 'Nobody takes a task from an agent that is gone.',
    edits: [
      {
        file: 'operator/controllers/agenttask/decide.ts',
        find: "if (holder.state === 'lost') {",
        replace: "if (holder.state === 'lost' && readsAs(task)) {",
      },
      {
        file: 'operator/controllers/agenttask/decide.ts',
        find: 'function write(transition: Transition): TaskDecision {',
        replace:
          'function readsAs(task: AgentTask): boolean {\n  return task.spec.timeoutSeconds < 0\n}\n\nfunction write(transition: Transition): TaskDecision {',
      },
      {
        file: 'operator/controllers/agenttask/decide.ts',
        find: 'const end = Date.parse(held.deadline)',
        replace: 'const end = Number.POSITIVE_INFINITY',
      },
    ],
  },
]
