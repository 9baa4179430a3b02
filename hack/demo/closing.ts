import { CliError } from '../../cli/failure.ts'
import { asTyped } from '../../cli/terminal.ts'
import { modelLabel } from '../../cli/show/snapshot.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { KubeError } from '../../core/kube/errors.ts'
import { repository } from '../images/repository.ts'
import { DemoError } from './steps.ts'

/** The last lines of a run that went well. */
export function closing(options: {
  readonly request: DevRequest
  readonly namespace: string
  readonly elapsed: string
}): readonly string[] {
  const { request, namespace, elapsed } = options
  const { metadata, status } = request
  return [
    '',
    `${metadata.name} is delivered: branch ${status?.branch ?? ''}, ${status?.progress ?? ''} tasks, model ${modelLabel(request)}.`,
    `Total time ${elapsed}. The cluster stays up.`,
    '',
    'Next, try:',
    `  ${shellSetup}`,
    '',
    `  kubectl -n ${namespace} get devrequests`,
    `  kubectl -n ${namespace} get agents.guildhall.dev`,
    `  kubectl -n ${namespace} logs deploy/guildhall-operator -f`,
    `  npm run -s guild -- diff ${metadata.name}      (from elsewhere: npm --prefix ${repository} run -s guild -- …)`,
    '  npm run -s cluster -- down',
  ]
}

const shellSetup =
  'export KUBECONFIG=$(npm run -s cluster -- kubeconfig) PATH=$(npm run -s cluster -- bin):$PATH'

/** What a person reads when a run failed: what, the evidence, and what to type. */
export function explain(error: unknown, elapsed: string): readonly string[] {
  const { evidence, next } = detailsOf(error)
  return [
    '',
    `The demo failed after ${elapsed}: ${error instanceof Error ? error.message : String(error)}`,
    ...evidence.map((line) => `  ${line}`),
    ...(next.length === 0 ? [] : ['Next, try:', `  ${shellSetup}`, '']),
    ...next.map((command) => `  ${command}`),
  ]
}

/** What a person reads after Ctrl-C. */
export function interruptedLines(): readonly string[] {
  return [
    '',
    'Interrupted. The cluster and what runs in it stay as they are.',
    '  go on:   npm run demo',
    '  look:    npm run -s guild -- list    (after the export line that npm run demo ends with)',
    '  remove:  npm run -s cluster -- down',
  ]
}

function detailsOf(error: unknown): {
  readonly evidence: readonly string[]
  readonly next: readonly string[]
} {
  if (error instanceof DemoError) return error
  if (error instanceof CliError) {
    return { evidence: [], next: error.next === undefined ? [] : [asTyped(error.next)] }
  }
  if (error instanceof KubeError) {
    return { evidence: [], next: ['npm run -s cluster -- status'] }
  }
  const stack = error instanceof Error ? (error.stack ?? '').split('\n').slice(1, 6) : []
  return { evidence: stack, next: ['npm run -s cluster -- status'] }
}
