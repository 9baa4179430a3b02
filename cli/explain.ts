// The words of a command that failed: one sentence and the next command.
import { CommanderError } from 'commander'
import { homeNamespace } from '../core/api/names.ts'
import { visibleText } from '../core/api/plain-text.ts'
import { KubeError, KubeconfigError } from '../core/kube/errors.ts'
import { kubeconfigInWords } from '../core/kube/kubeconfig.ts'
import { CliError, exitCodes } from './failure.ts'
import { type PlaceFlags, asTyped, inSamePlace } from './terminal.ts'

/**
 * An error whose next command finds the cluster and the namespace that were named on the command
 * line.
 */
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

const startOne =
  'npm run -s cluster -- up   (a cluster of your own: kubectl cluster-info; another one: --context, --kubeconfig)'
const lookAt = (file: string): string =>
  `kubectl config view --minify${file === '' ? '' : ` --kubeconfig ${file}`}   (of a cluster that was started from here: export KUBECONFIG=$(npm run -s cluster -- kubeconfig))`

/**
 * Why an API server cannot be reached, as a person sees it: no cluster runs there, its name leads
 * nowhere, and so on.
 */
interface Trouble {
  readonly when: RegExp
  /** `place` is host and port, `of` the kubeconfig in words, `why` the library's message. */
  readonly sentence: (place: string, of: string, why: string) => string
  readonly next: (file: string) => string
}

const hostOf = (place: string): string => place.replace(/:\d+$/, '')

/** The first that fits counts. */
const troubles: readonly Trouble[] = [
  {
    when: /ENOTFOUND/,
    sentence: (place, of) => `the host ${hostOf(place)} of ${of} does not exist`,
    next: lookAt,
  },
  {
    when: /EAI_AGAIN/,
    sentence: (place, of) =>
      `the host ${hostOf(place)} of ${of} cannot be looked up: no name server answers`,
    next: () => `getent hosts HOST   (HOST is the one above)`,
  },
  {
    when: /certificate has expired|not yet valid|CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/i,
    sentence: (place, _, why) => `the certificate of ${place} is not valid now: ${why}`,
    next: () => 'date   (a wrong clock makes certificates invalid, too)',
  },
  {
    when: /self.signed|first certificate|issuer|SELF_SIGNED|UNABLE_TO_VERIFY/i,
    sentence: (place, of, why) =>
      `the certificate of ${place} is not signed by the CA in ${of} (if it names one), so this may be another cluster than it was made for (${why})`,
    next: lookAt,
  },
  {
    when: /altnames/i,
    sentence: (place, of, why) =>
      `the certificate of ${place} is for other names than the one that ${of} calls it by (${why})`,
    next: lookAt,
  },
  {
    when: /certificate required|bad certificate|unknown ca|handshake failure/i,
    sentence: (place, of, why) =>
      `the server at ${place} does not take the certificate of the user in ${of} (${why})`,
    next: lookAt,
  },
  {
    when: /SSL|TLS|certificate|wrong version number|EPROTO|packet length/i,
    sentence: (place, of, why) =>
      `no cluster of ${of} runs at ${place}: something else answers there (${why})`,
    next: () => startOne,
  },
  {
    when: /ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EHOSTDOWN|timed? ?out|timeout/i,
    sentence: (place, _, why) => `no cluster runs at ${place}: nothing answers there (${why})`,
    next: () => startOne,
  },
]

/**
 * The error for people when there is no cluster at the address of the kubeconfig; undefined for all
 * other errors. `file` is the kubeconfig that led there, empty inside a Pod.
 */
function absentCluster(error: KubeError, file: string): CliError | undefined {
  if (error.status !== 0) return undefined
  const { cause } = error
  // Nothing was contacted: the kubeconfig gives no credentials.
  if (cause instanceof KubeconfigError)
    return new CliError(cause.message, { next: cause.next, cause: error })
  const throughProxy = /\S+ cannot be reached through the proxy [\s\S]*/.exec(error.message)?.[0]
  if (throughProxy !== undefined)
    return new CliError(throughProxy, {
      next: `kubectl config view --minify${file === '' ? '' : ` --kubeconfig ${file}`}   (its proxy-url; without one, HTTPS_PROXY names the proxy, and NO_PROXY the hosts without)`,
      cause: error,
    })
  const [, place = '', said = ''] = /(\S+) cannot be reached: ([\s\S]*)/.exec(error.message) ?? []
  if (place === '') return undefined
  const found = troubles.find(({ when }) => when.test(said))
  if (found === undefined) return undefined
  const of = file === '' ? "the Pod's own account" : `the kubeconfig ${file}`
  return new CliError(found.sentence(place, of, secretOf(said.trim())), {
    next: found.next(file),
    cause: error,
  })
}

/**
 * The reason within a message of OpenSSL, which puts memory addresses and names of source files
 * around it.
 */
function secretOf(why: string): string {
  const reason = /routines:[^:]*:([^:]+):/.exec(why)?.[1]
  if (/^(?:wrong version number|packet length too long)$/.test(reason ?? ''))
    return 'it does not speak TLS'
  return reason ?? why.replace(/[\s:]+$/, '')
}
