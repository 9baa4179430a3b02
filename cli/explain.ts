// What a person reads when a command failed: one sentence and the next command.
import { CommanderError } from 'commander'
import { homeNamespace } from '../core/api/names.ts'
import { visibleText } from '../core/api/plain-text.ts'
import { absentCluster } from './cluster/absent.ts'
import { KubeError } from '../core/kube/errors.ts'
import { kubeconfigInWords } from '../core/kube/kubeconfig.ts'
import { CliError, exitCodes } from './failure.ts'
import { asTyped, inSamePlace, type PlaceFlags } from './terminal.ts'

/** An error whose next command finds the cluster and the namespace that were named on the command line. */
export function placed(thrown: unknown, flags: PlaceFlags): unknown {
  const error =
    (thrown instanceof KubeError ? absentCluster(thrown, fileOf(flags)) : undefined) ?? thrown
  const next =
    error instanceof CliError ? error.next : error instanceof KubeError ? nextFor(error) : undefined
  if (!(error instanceof Error) || next === undefined) return error
  const exitCode = error instanceof CliError ? error.exitCode : exitCodes.failed
  return new CliError(error.message, { next: inSamePlace(next, flags), exitCode, cause: error })
}

const fileOf = ({ kubeconfig }: PlaceFlags): string =>
  kubeconfigInWords({ env: process.env, path: kubeconfig })

/** One sentence and the next command on stderr. Returns the exit code. */
export function explain(error: unknown, signal: AbortSignal): number {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? exitCodes.succeeded : exitCodes.usage
  }
  if (signal.aborted) return exitCodes.interrupted
  if (error instanceof CliError) {
    write(`error: ${error.message}`)
    if (error.next !== undefined) write(`next: ${asTyped(error.next)}`)
    return error.exitCode
  }
  write(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  write('next: this is a defect of guild; please report the lines above')
  return exitCodes.failed
}

/** Errors quote objects, files and programs. */
function write(line: string): void {
  process.stderr.write(`${visibleText(line)}\n`)
}

function nextFor(error: KubeError): string {
  if (error.status === 0)
    return 'kubectl cluster-info   (in the clone: npm run -s cluster -- status)'
  if (error.status === 401 || error.status === 403) return 'kubectl auth whoami'
  if (error.status === 404) {
    return 'kubectl api-resources --api-group=guildhall.dev   (nothing there: install the chart with helm)'
  }
  return `kubectl get events -n ${homeNamespace}`
}
