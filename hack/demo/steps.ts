import { duration, type Log, streamLog } from '../cluster/log.ts'
import { CliError } from '../../cli/failure.ts'
import { asTyped } from '../../cli/terminal.ts'
import { modelLabel } from '../../cli/show/snapshot.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { KubeError } from '../../core/kube/errors.ts'
import { repository } from '../images/repository.ts'

/**
 * A step failed. Carries the sentence for the person, the evidence, and the commands to type next.
 */
export class DemoError extends Error {
  override readonly name = 'DemoError'
  readonly code = 'demo'
  readonly evidence: readonly string[]
  readonly next: readonly string[]

  constructor(
    sentence: string,
    options: {
      readonly evidence?: readonly string[]
      readonly next?: readonly string[]
      readonly cause?: unknown
    } = {},
  ) {
    super(sentence, options.cause === undefined ? undefined : { cause: options.cause })
    this.evidence = options.evidence ?? []
    this.next = options.next ?? []
  }
}

/** The numbered steps of a run, with how long each took and how long all took. */
export class Steps {
  readonly log: Log
  readonly #total: number
  readonly #startedAt = Date.now()
  #number = 0

  constructor(total: number, log: Log = streamLog(process.stdout)) {
    this.#total = total
    this.log = log
  }

  /** Time since the run began. */
  elapsed(): string {
    return duration(Date.now() - this.#startedAt)
  }

  /** Runs one step under its heading. Errors pass through. */
  async run<T>(title: string, work: (log: Log) => Promise<T>): Promise<T> {
    this.#number += 1
    const startedAt = Date.now()
    this.log.line(`\n[${this.#number}/${this.#total}] ${title}   (${this.elapsed()} so far)`)
    const log: Log = {
      line: (text) => this.log.line(`      ${text}`),
      update: (text) => this.log.update(`      ${text}`),
    }
    const result = await work(log)
    log.line(`done in ${duration(Date.now() - startedAt)}`)
    return result
  }
}

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

/**
 * The lines for a person when a run failed: the failure, the evidence, and the commands to type
 * next.
 */
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

/** The lines for a person after Ctrl-C. */
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
