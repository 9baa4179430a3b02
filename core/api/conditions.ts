// Condition types and reasons. Reasons are reused as Event reasons and audit actions.

/** Reason of `Stalled` on an object of any kind that the operator cannot work on as it is. */
export const invalidObject = 'InvalidObject'

/** Types on a DevRequest. All are set on the first visit, Unknown included. */
export const requestConditions = {
  /** True: the spec is valid and its repository is there. False: the message says what is wrong. */
  Accepted: 'Accepted',
  /** True: status.plan holds the plan that is carried out. */
  Planned: 'Planned',
  /** True: work may start. */
  Authorized: 'Authorized',
  /** True: every task's work is on the request's branch. */
  Integrated: 'Integrated',
  /** True: the result branch is final. */
  Delivered: 'Delivered',
  /** The summary: Unknown while it goes on, then True or False. */
  Succeeded: 'Succeeded',
  /** True on either outcome: `kubectl wait --for=condition=Finished`. */
  Finished: 'Finished',
  /**
   * Abnormal-true, removed when false: something outside stops the work; the message names the
   * remedy.
   */
  Stalled: 'Stalled',
} as const

/** Types on an AgentTask. */
export const taskConditions = {
  /** True: the work of every task it waits for stands. */
  Ready: 'Ready',
  /** True: an agent holds it. */
  Assigned: 'Assigned',
  Succeeded: 'Succeeded',
  Finished: 'Finished',
  /** Present and True only when no attempt is left. */
  DeadLettered: 'DeadLettered',
  Stalled: 'Stalled',
} as const

/** Types on an Agent. */
export const agentConditions = {
  /** True: its Pod runs and its stream to the hub is open. */
  Ready: 'Ready',
  Stalled: 'Stalled',
} as const

/** Types on a LanguageModel. */
export const modelConditions = {
  /** True: it can be asked now. */
  Ready: 'Ready',
  /** Abnormal-true, removed when false: its server is fetching or making it. */
  Pulling: 'Pulling',
  /**
   * Abnormal-true, removed when false: it does not get ready by itself; the message names the
   * remedy.
   */
  Stalled: 'Stalled',
} as const

/** Reasons of the summary condition of a DevRequest; the STATUS column prints them. */
export const requestReasons = {
  Pending: 'Pending',
  Preparing: 'Preparing',
  Planning: 'Planning',
  Planned: 'Planned',
  /** A part of it failed and is planned again. */
  Replanning: 'Replanning',
  Running: 'Running',
  Suspended: 'Suspended',
  Succeeded: 'Succeeded',
  /** The branch is ready, and nothing could check a part of it. */
  Unchecked: 'Unchecked',
  TasksFailed: 'TasksFailed',
  PlanOnly: 'PlanOnly',
  SourceUnavailable: 'SourceUnavailable',
  ForgeUnavailable: 'ForgeUnavailable',
  ForgeFull: 'ForgeFull',
  ModelUnavailable: 'ModelUnavailable',
  ModelMissing: 'ModelMissing',
  InvalidSpec: 'InvalidSpec',
} as const
export type RequestReason = keyof typeof requestReasons

/** Reasons of the summary condition of an AgentTask. */
export const taskReasons = {
  Waiting: 'Waiting',
  Queued: 'Queued',
  Running: 'Running',
  Integrating: 'Integrating',
  Retrying: 'Retrying',
  Succeeded: 'Succeeded',
  /** Its work is on the branch, and nothing could check it. */
  Unchecked: 'Unchecked',
  DeadLettered: 'DeadLettered',
  Skipped: 'Skipped',
  Cancelled: 'Cancelled',
} as const

/** Reasons of an Agent's Ready condition. */
export const agentReasons = {
  Starting: 'Starting',
  Connected: 'Connected',
  Disconnected: 'Disconnected',
  Draining: 'Draining',
  PodFailed: 'PodFailed',
  PodUnschedulable: 'PodUnschedulable',
  QuotaExceeded: 'QuotaExceeded',
} as const
export type AgentReason = keyof typeof agentReasons

/** Reasons of a LanguageModel's Ready condition; the STATUS column prints them. */
export const modelReasons = {
  Pending: 'Pending',
  Ready: 'Ready',
  /** It can be asked, and is too weak for most work. */
  TooWeak: 'TooWeak',
  Testing: 'Testing',
  Pulling: 'Pulling',
  PullFailed: 'PullFailed',
  NotHeld: 'NotHeld',
  ServerUnreachable: 'ServerUnreachable',
  AirGapped: 'AirGapped',
  NotEnoughMemory: 'NotEnoughMemory',
  Duplicate: 'Duplicate',
  InvalidSpec: 'InvalidSpec',
} as const
export type ModelReason = keyof typeof modelReasons
