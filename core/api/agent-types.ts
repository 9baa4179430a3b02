// The six specialists and what each can be asked to do.

export const agentTypes = [
  'coding',
  'testing',
  'review',
  'documentation',
  'deployment',
  'git',
] as const
export type AgentType = (typeof agentTypes)[number]

/**
 * Whose tasks an agent may take after its first one: those of the same request only, or anybody's.
 */
export const agentReuses = ['request', 'any'] as const

/** The work that one task asks of its agent; it picks the pipeline that runs. */
export const actions = [
  'branch',
  'spec',
  'code',
  'verify',
  'review',
  'fix',
  'document',
  'deploy',
  'finish',
] as const
export type Action = (typeof actions)[number]

/** The one type that carries out each action. */
export const actionType: Readonly<Record<Action, AgentType>> = {
  branch: 'git',
  spec: 'testing',
  code: 'coding',
  verify: 'testing',
  review: 'review',
  fix: 'coding',
  document: 'documentation',
  deploy: 'deployment',
  finish: 'git',
}

export const priorities = ['critical', 'high', 'normal', 'low'] as const
/** P0 to P3 of the bus, in this order. */
export type Priority = (typeof priorities)[number]

/**
 * The outcomes of a task; computed by the harness, never by a model. `Done` needs positive proof;
 * `Unchecked` means that the work was written and that nothing could check it, which is not a
 * success.
 */
export const verdicts = [
  'Done',
  'AlreadyDone',
  'Unchecked',
  'ChecksFailed',
  'NothingChanged',
  'Refused',
  'Cancelled',
] as const
export type Verdict = (typeof verdicts)[number]

/** The words that people read for verdicts that they might take for an error. */
export const verdictWords: Partial<Readonly<Record<Verdict, string>>> = {
  NothingChanged: 'no change needed',
}

/**
 * Verdicts after which the work is kept and dependent tasks run. `Unchecked` is one of them,
 * although it is not a success.
 */
export const standingVerdicts: ReadonlySet<Verdict> = new Set([
  'Done',
  'AlreadyDone',
  'NothingChanged',
  'Unchecked',
])
