// Why work fails, and what a person does about it: one table. docs/troubleshooting.md is checked
// against it.
import { inNamespace } from './names.ts'

/**
 * Each reason a task can fail for, with the remedy shown beside it. Commands stand as they are
 * typed where Guildhall is installed in its usual namespace; `remedyIn` names another one.
 */
export const failureRemedies = {
  ModelUnavailable:
    'Check the model server: kubectl get pods -n guildhall -l app.kubernetes.io/component=ollama. The request goes on by itself when it answers.',
  ModelRefused:
    'The model server does not take this question. Where its words name no way out, set spec.model to another model.',
  ContextTooSmall:
    'Raise model.contextTokens in the chart, or split the request into smaller ones.',
  OutputUnusable:
    'No answer could be used; the message says why. Where the model server broke off, look at its logs; else use a stronger model, or state the request in smaller steps.',
  ChecksFailed:
    'The work did not pass its checks; the evidence is in status.result, whose summary names the branch of the best try where one is kept. Sharpen the request or use a stronger model.',
  ScopeViolated:
    'The agent wrote outside the files of its task. Name the files in the request, or give spec.plan.',
  TimedOut: 'Raise spec.limits.taskTimeoutSeconds, or split the request.',
  AgentLost:
    'The agent stopped answering in every attempt: kubectl describe agents.guildhall.dev -n guildhall, and look for memory limits.',
  AgentWithdrawn:
    'Nothing to do: the agent was taken away (deleted, given two tasks, or not back after a restart of the operator), and another gets the task.',
  PodFailed:
    'The agent Pod could not run: kubectl describe pods -n guildhall -l app.kubernetes.io/component=agent tells why.',
  PodUnschedulable:
    'No node has room for the agent Pod: free memory or CPU, or lower agents.resources in the chart.',
  QuotaExceeded:
    'A ResourceQuota of the namespace refuses agent Pods: raise it, or lower agents.maxAgents.',
  CloneFailed:
    'The repository could not be cloned from the forge: kubectl logs -n guildhall statefulset/guildhall-forge.',
  PushRejected:
    'The forge refused the push: kubectl logs -n guildhall statefulset/guildhall-forge names the rule.',
  Conflict:
    'The work collided with other work on the same lines in every attempt. Make the request smaller, or apply requests one after another.',
  BudgetExhausted: 'The token or time budget is used up: raise spec.limits.',
  DependencyFailed: 'A task this one needs did not succeed; repair that one first.',
  WarrantDenied: 'A person denied the permission; make a new request or change the plan.',
  InternalError:
    'A defect in Guildhall: kubectl logs -n guildhall deploy/guildhall-operator has the stack. Please report it.',
  Unsupported:
    'This version cannot do that kind of work yet; the message says what it can do instead.',
} as const

export type FailureReason = keyof typeof failureRemedies
export const failureReasons = Object.keys(failureRemedies) as [FailureReason, ...FailureReason[]]

/**
 * The remedy with its commands as they are typed for a namespace; `message` is what stands before
 * it.
 */
export function remedyIn(reason: FailureReason, namespace: string, message = ''): string {
  return remedyInWords(reason, message) ?? inNamespace(failureRemedies[reason], namespace)
}

/**
 * The remedy of a refusal that names it itself, as the rehearsal model does; undefined for all
 * else.
 */
export function remedyInWords(reason: FailureReason, message: string): string | undefined {
  return reason === 'ModelRefused' && /\bconnect a real model: /.test(message)
    ? 'Connect a real model: the words of the refusal name the command.'
    : undefined
}

/** Reasons that another attempt cannot cure. */
export const hopelessReasons: ReadonlySet<FailureReason> = new Set([
  'ModelRefused',
  'ContextTooSmall',
  'DependencyFailed',
  'WarrantDenied',
  'BudgetExhausted',
  'Unsupported',
])

/**
 * Reasons for which work cannot be done as it is asked, whatever is tried: its verdict is
 * `Refused`.
 */
export const refusingReasons: ReadonlySet<FailureReason> = new Set([
  'Unsupported',
  'ScopeViolated',
  'ModelRefused',
])

/** Reasons that are the surroundings' fault: waiting cures them, and they use up no attempt. */
export const uncountedReasons: ReadonlySet<FailureReason> = new Set([
  'ModelUnavailable',
  'AgentWithdrawn',
])
