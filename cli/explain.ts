// The words of a command that failed: one sentence and the next command.
import { CommanderError } from 'commander'
import { visibleText } from '../core/api/plain-text.ts'
import { KubeError, KubeconfigError, isKindMissing, isStrange } from '../core/kube/errors.ts'
import { kubeconfigInWords } from '../core/kube/kubeconfig.ts'
import { CliError, exitCodes } from './failure.ts'
import { type PlaceFlags, asTyped, inSamePlace } from './terminal.ts'

/**
 * An error in words, whose next command finds the cluster and the namespace that were named on the
 * command line. `namespace` is the one that the command was about.
 */
export function placed(thrown: unknown, flags: PlaceFlags, namespace: string): unknown {
  const error = thrown instanceof KubeError ? inWords(thrown, fileOf(flags), namespace) : thrown
  if (!(error instanceof CliError) || error.next === undefined) return error
  const { message, exitCode, next } = error
  return new CliError(message, { next: inSamePlace(next, flags), exitCode, cause: error })
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

/** The words of an API server about a request, without the address that this program asked. */
const saidBy = ({ message }: KubeError): string => message.replace(/^[A-Z]+ \/\S*: /, '').trim()

/** Why the API server refused an object: its field and the reason, or all that it said. */
export function refusalInWords(error: KubeError): string {
  const strange = [...error.message.matchAll(/unknown field "([^"]+)"/g)].map(([, path]) => path)
  if (strange.length > 0)
    return `there is no field ${strange.join(' and no field ')} in a DevRequest; is it misspelt?`
  const causes = error.causes
    // It only says that other checks were left out because of the causes beside it.
    .filter(
      ({ field, message }) => !(field === '<nil>' && message?.includes('rules were not checked')),
    )
    .map(({ field = '', message = '' }) =>
      field === '' || field === '<nil>' ? message : `${field}: ${message}`,
    )
  return causes.length > 0 ? causes.join('; ') : saidBy(error)
}

/** What an API server answered, or that none did: a sentence and the next command. */
function inWords(error: KubeError, file: string, namespace: string): CliError {
  const tell = (sentence: string, next: string): CliError =>
    new CliError(sentence, { next, cause: error })
  const of = file === '' ? "the Pod's own account" : `the kubeconfig ${file}`
  if (error.status === 0)
    return (
      absentCluster(error, file, of) ??
      (error.reason === 'Unreadable' || error.reason === 'NoList'
        ? tell(
            `something else than an API server answers for ${of}: ${saidBy(error)}`,
            lookAt(file),
          )
        : tell(
            saidBy(error),
            'kubectl cluster-info   (in the clone: npm run -s cluster -- status)',
          ))
    )
  const { status } = error
  if (status === 401)
    return tell(
      `the API server does not take the credentials in ${of} (${saidBy(error)}): they are missing, wrong or no longer valid`,
      'kubectl auth whoami',
    )
  if (status === 403) return tell(`you may not do this: ${saidBy(error)}`, 'kubectl auth whoami')
  if (status === 404 && isKindMissing(error)) return kindMissing(namespace, error)
  if (status === 404) return tell(saidBy(error), `guild list -n ${namespace}`)
  if (status === 422 || (status === 400 && isStrange(error)))
    return tell(
      `the API server refused this: ${refusalInWords(error)}`,
      'kubectl explain devrequest.spec',
    )
  return status < 500
    ? tell(
        `the API server refused this with the status ${status}: ${saidBy(error)}`,
        `kubectl get events -n ${namespace}`,
      )
    : tell(
        `the API server failed with the status ${status}: ${saidBy(error)}`,
        "kubectl get --raw '/readyz?verbose'",
      )
}

/** The error for a cluster whose API server does not serve our kinds. */
export function kindMissing(namespace: string, cause?: unknown): CliError {
  return new CliError('this cluster knows no DevRequest: Guildhall is not installed in it', {
    next: `helm upgrade --install guildhall helm/guildhall -n ${namespace} --create-namespace`,
    cause,
  })
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
function absentCluster(error: KubeError, file: string, of: string): CliError | undefined {
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
  const late = / took longer than (\d+) ms$/.exec(error.message)?.[1]
  if (late !== undefined)
    return new CliError(
      `the cluster of ${of} does not answer: nothing came within ${Math.round(Number(late) / 1000)} s`,
      { next: startOne, cause: error },
    )
  const [, place = '', said = ''] = /(\S+) cannot be reached: ([\s\S]*)/.exec(error.message) ?? []
  if (place === '') return undefined
  const found = troubles.find(({ when }) => when.test(said))
  if (found === undefined) return undefined
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
