// An API server that cannot be reached, told as a person sees it: no cluster runs there, or something else answers.
import type { KubeError } from '../../operator/kube/errors.ts'
import { CliError } from '../failure.ts'

const startOne =
  'npm run -s cluster -- up   (a cluster of your own: kubectl cluster-info; another one: --context, --kubeconfig)'

const tls =
  /SSL|TLS|certificate|altnames|self.signed|issuer|wrong version number|EPROTO|packet length/i
const nobody =
  /ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTDOWN|timed? ?out|timeout/i

/** The error for people, when nothing or something else answered where a cluster should be; undefined for all else. */
export function absentCluster(error: KubeError): CliError | undefined {
  if (error.status !== 0) return undefined
  const [, place = '', said = ''] = /(\S+) cannot be reached: ([\s\S]*)/.exec(error.message) ?? []
  if (place === '') return undefined
  const options = { next: startOne, cause: error }
  const why = said.trim()
  if (tls.test(why))
    return new CliError(
      `no cluster of this kubeconfig runs at ${place}: something else answers there (${secretOf(why)})`,
      options,
    )
  return nobody.test(why)
    ? new CliError(`no cluster runs at ${place}: nothing answers there (${why})`, options)
    : undefined
}

/** What went wrong with the encryption; OpenSSL puts addresses in memory and files of its source around it. */
function secretOf(why: string): string {
  const reason = /routines:[^:]*:([^:]+):/.exec(why)?.[1]
  if (reason === 'wrong version number') return 'it does not speak TLS'
  return reason ?? why.replace(/[\s:]+$/, '')
}
