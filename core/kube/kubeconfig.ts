// Finds the kubeconfig by kubectl's rules, reads it as kubectl does and names its faults. The
// library alone would take localhost:8080 without one, refuses files that kubectl takes, and does
// not know all fields of a user.
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { KubeConfig as LibraryConfig } from '@kubernetes/client-node'
import { type Clock, systemClock } from '../base/clock.ts'
import { fileProblem } from '../base/file-problem.ts'
import { KubeconfigError } from './errors.ts'
import { type PluginCredentials, runPlugin } from './exec-plugin.ts'
import {
  type KubeconfigContents,
  type KubeconfigEntry,
  type KubeconfigFields,
  contentsOf,
  fieldsOf,
  merged,
  quoted,
  textIn,
} from './kubeconfig-file.ts'
import { isLoopback, proxyOf } from './proxy.ts'

/** The paths of the chosen files, for sentences about their contents. Empty inside a Pod. */
export function kubeconfigInWords({ env, path }: KubeconfigChoice): string {
  if (path === undefined && !env['KUBECONFIG'] && env['KUBERNETES_SERVICE_HOST'] !== undefined)
    return ''
  try {
    return filesOf({ env, path }).join(' and ')
  } catch {
    return path ?? ''
  }
}

interface KubeconfigChoice {
  readonly env: Readonly<Record<string, string | undefined>>
  /** A file; by default the files of `$KUBECONFIG`, else `~/.kube/config`. */
  readonly path?: string | undefined
  readonly context?: string | undefined
}

const fetchOne = 'npm run -s cluster -- kubeconfig'
/** `up` is over at once where the cluster is up. */
const startOne = 'npm run -s cluster -- up'
const contexts = 'kubectl config get-contexts'
/** With a flag the variable does not count, so the flag has to name another file. */
const another = ({ path }: KubeconfigChoice): string =>
  path === undefined
    ? `${startOne} && export KUBECONFIG=$(${fetchOne})`
    : `${startOne} && ${fetchOne}   (prints the file of a cluster that was started from here, for --kubeconfig)`

/**
 * The kubeconfig with its context chosen; it holds the cluster and the user of that context. The
 * proxy of the cluster is the one to use, also when the environment names it; a token file and a
 * plug-in are read anew by an authenticator of ours.
 * Caveat: imports `@kubernetes/client-node`, which takes a second. Errors: `KubeconfigError`.
 */
export async function openKubeconfig(
  choice: KubeconfigChoice & { readonly clock?: Clock },
): Promise<LibraryConfig> {
  const { KubeConfig: Loader } = await import('@kubernetes/client-node')
  const files = filesOf(choice)
  const shown = files.join(' and ')
  const all = files
    .map((file) => contentsOf(file, another(choice)))
    .filter((one) => one !== undefined)
  if (all.length === 0)
    throw new KubeconfigError(`the kubeconfig ${shown} is empty`, another(choice))
  const found = all.reduce(merged)
  const { name, context, cluster } = chosen(found, choice, shown)
  // The way to edit the file that is in use; of several, kubectl itself finds the right one.
  const at = files.length === 1 ? `--kubeconfig ${quoted(files[0] ?? '')} ` : ''
  const reached = reachable(cluster, choice.env, shown, at)
  const { user, tokenFile } = userOf(found, context, shown)
  refuseFiles(reached, user, tokenFile, shown, at)
  const loaded = new Loader()
  const named = (entries: readonly KubeconfigEntry[], mine: KubeconfigEntry, field: string) =>
    [mine, ...entries.filter((one) => one.name !== mine.name)].map((one) => ({
      name: one.name,
      [field]: one.fields,
    }))
  const bound = { name, fields: { ...context.fields, user: user.name } }
  // A broken entry that nobody uses stops kubectl as little.
  loaded.loadFromString(
    JSON.stringify({
      clusters: named(found.clusters, reached, 'cluster'),
      users: named(found.users, authenticated(user, tokenFile), 'user'),
      contexts: found.contexts.map((one) => ({
        name: one.name,
        context: one.name === name ? bound.fields : one.fields,
      })),
      'current-context': name,
    }),
    { onInvalidEntry: 'filter' },
  )
  const apply = authenticator(user, tokenFile, reached, shown, choice.clock ?? systemClock)
  loaded.addAuthenticator({
    isAuthProvider: ({ authProvider }) => fieldsOf(authProvider)['name'] === ownProvider,
    applyAuthentication: async (_, options) => {
      const { token, cert, key } = await apply(
        'signal' in options ? (options.signal ?? undefined) : undefined,
      )
      if (token !== undefined)
        options.headers = { ...options.headers, Authorization: `Bearer ${token}` }
      if (cert !== undefined) Object.assign(options, { cert, key })
    },
  })
  return loaded
}

/** The context that counts, and its cluster. */
function chosen(found: KubeconfigContents, choice: KubeconfigChoice, shown: string) {
  const name = choice.context ?? found.current
  if (name === '')
    throw new KubeconfigError(
      `the kubeconfig ${shown} has no current-context`,
      found.contexts.length === 0 ? another(choice) : useContext(found),
    )
  const context = found.contexts.find((one) => one.name === name)
  if (context === undefined) {
    const isFlag = choice.context !== undefined
    throw new KubeconfigError(
      isFlag
        ? `the kubeconfig ${shown} has no context ${name}`
        : `the current-context ${name} of the kubeconfig ${shown} is not among its contexts`,
      isFlag ? contexts : found.contexts.length === 0 ? another(choice) : useContext(found),
    )
  }
  const clusterName = textIn(context.fields, 'cluster')
  const cluster = found.clusters.find((one) => one.name === clusterName)
  if (cluster === undefined || textIn(cluster.fields, 'server') === '')
    throw new KubeconfigError(
      `the context ${name} of the kubeconfig ${shown} names the cluster ${clusterName}, which is not in it or has no server`,
      contexts,
    )
  return { name, context, cluster }
}

/** The files that exist. As for kubectl, a missing file in a list is not an error. */
function filesOf(choice: KubeconfigChoice): readonly string[] {
  const { env, path } = choice
  if (path !== undefined) {
    if (existsSync(path)) return [path]
    throw new KubeconfigError(`there is no kubeconfig ${path}`, another(choice))
  }
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '')
  const there = [...new Set(listed)].filter((file) => existsSync(file))
  if (there.length > 0) return there
  if (listed.length > 0)
    throw new KubeconfigError(
      `there is no kubeconfig: ${listed.join(' and ')}, which KUBECONFIG names, ${listed.length === 1 ? 'does' : 'do'} not exist`,
      another(choice),
    )
  const usual = join(env['HOME'] ?? env['USERPROFILE'] ?? '', '.kube', 'config')
  if (existsSync(usual)) return [usual]
  throw new KubeconfigError(
    `there is no kubeconfig: KUBECONFIG is not set, and ${usual} does not exist`,
    another(choice),
  )
}

/**
 * The cluster with the proxy that leads to it. Refuses addresses about which the library's error
 * would name neither the file nor the value.
 */
function reachable(
  { name, fields }: KubeconfigEntry,
  env: KubeconfigChoice['env'],
  shown: string,
  at: string,
): KubeconfigEntry {
  const server = textIn(fields, 'server').trim()
  const url = URL.canParse(server) ? new URL(server) : undefined
  const setCluster = `kubectl config set-cluster ${quoted(name)} ${at}`
  const of = `of the cluster ${name} in the kubeconfig ${shown}`
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw new KubeconfigError(
      `the server ${of} is ${server}, which is not an address: it has to be as in https://127.0.0.1:6443`,
      `${setCluster}--server https://HOST:PORT`,
    )
  const isPlain = url.protocol === 'http:'
  const here = isPlain && isLoopback(url.hostname)
  if (isPlain && !here && fields['insecure-skip-tls-verify'] !== true)
    throw new KubeconfigError(
      `the server ${of} is ${server}, which is http: everybody on the way could read and use the credentials, so http is taken on this machine only (kubectl proxy)`,
      `${setCluster}--server https://HOST:PORT   (the port where it speaks https)`,
    )
  const proxy = proxyOf(url, textIn(fields, 'proxy-url').trim(), env)
  if (proxy.kind === 'refused')
    throw new KubeconfigError(
      proxy.from === 'proxy-url'
        ? `the proxy-url ${of} is ${proxy.url}, which ${proxy.why}`
        : `${proxy.from} is ${proxy.url}, which ${proxy.why}; it holds for the server ${server} ${of}`,
      proxy.from === 'proxy-url'
        ? `${setCluster}--proxy-url http://HOST:PORT`
        : `export ${proxy.from}=http://HOST:PORT   (without a proxy: export NO_PROXY=${url.hostname})`,
    )
  return {
    name,
    fields: {
      ...fields,
      server,
      'proxy-url': proxy.kind === 'proxy' ? proxy.url : undefined,
      // The library allows http only so; without TLS it has no other effect.
      ...(here && { 'insecure-skip-tls-verify': true }),
    },
  }
}

/** The user of the context. Without one nobody logs in, and the CA of the cluster still counts. */
function userOf(found: KubeconfigContents, context: KubeconfigEntry, shown: string) {
  const named = textIn(context.fields, 'user')
  const user: KubeconfigEntry | undefined =
    named === ''
      ? { name: 'anonymous of guildhall', fields: {} }
      : found.users.find(({ name }) => name === named)
  if (user === undefined)
    throw new KubeconfigError(
      `the context ${context.name} of the kubeconfig ${shown} names the user ${named}, which is not in it`,
      contexts,
    )
  return { user, tokenFile: textIn(user.fields, 'tokenFile') }
}

/** Names a file that cannot be read before somebody takes the server for the fault. */
function refuseFiles(
  cluster: KubeconfigEntry,
  user: KubeconfigEntry,
  tokenFile: string,
  shown: string,
  at: string,
): void {
  const check = (owner: string, field: string, file: string, next: string) => {
    if (file === '') return
    try {
      readFileSync(file)
    } catch (cause) {
      const why = fileProblem(cause)
      const what = `the ${field} of the ${owner} in the kubeconfig ${shown} is the file ${file}`
      throw new KubeconfigError(`${what}, which cannot be read: ${why}`, next, { cause })
    }
  }
  for (const [kind, one, field, set] of [
    ['cluster', cluster, 'certificate-authority', 'set-cluster'],
    ['user', user, 'client-certificate', 'set-credentials'],
    ['user', user, 'client-key', 'set-credentials'],
  ] as const) {
    const next = `kubectl config ${set} ${quoted(one.name)} ${at}--${field} FILE`
    check(`${kind} ${one.name}`, field, textIn(one.fields, field), next)
  }
  check(`user ${user.name}`, 'tokenFile', tokenFile, `ls -l ${quoted(tokenFile)}`)
}

const ownProvider = 'guildhall'

/** Of its ways to log in kubectl takes a token file before a token, and a token before a plug-in. */
function authenticated(user: KubeconfigEntry, tokenFile: string): KubeconfigEntry {
  const token = textIn(user.fields, 'token')
  const { exec, token: _, 'token-file': __, ...rest } = user.fields
  const own =
    tokenFile !== '' || (token === '' && textIn(fieldsOf(exec), 'command') !== '')
      ? { 'auth-provider': { name: ownProvider } }
      : token !== '' && { token }
  return { name: user.name, fields: { ...rest, ...own } }
}

/** Reads the token file each time, and runs the plug-in when what it gave has expired. */
function authenticator(
  user: KubeconfigEntry,
  tokenFile: string,
  cluster: KubeconfigEntry,
  shown: string,
  clock: Clock,
): (signal: AbortSignal | undefined) => Promise<PluginCredentials> {
  const of = `of the user ${user.name} in the kubeconfig ${shown}`
  let given: PluginCredentials | undefined
  return async (signal) => {
    if (tokenFile !== '') {
      const next = `ls -l ${quoted(tokenFile)}`
      let token: string
      try {
        token = readFileSync(tokenFile, 'utf8').trim()
      } catch (cause) {
        const what = `the tokenFile ${of} is the file ${tokenFile}, which cannot be read`
        throw new KubeconfigError(`${what}: ${fileProblem(cause)}`, next, { cause })
      }
      if (token !== '') return { token }
      throw new KubeconfigError(
        `the tokenFile ${of} is the file ${tokenFile}, which is empty`,
        next,
      )
    }
    if (given !== undefined && (given.expiresAt ?? Number.POSITIVE_INFINITY) > clock.now())
      return given
    const exec = fieldsOf(user.fields['exec'])
    const args: readonly unknown[] = Array.isArray(exec['args']) ? exec['args'] : []
    const env: readonly unknown[] = Array.isArray(exec['env']) ? exec['env'] : []
    given = await runPlugin(
      {
        apiVersion: textIn(exec, 'apiVersion') || 'client.authentication.k8s.io/v1',
        command: textIn(exec, 'command'),
        args: args.map(String),
        env: Object.fromEntries(
          env.map(fieldsOf).map((item) => [textIn(item, 'name'), textIn(item, 'value')]),
        ),
        installHint: textIn(exec, 'installHint').trim(),
        interactiveMode: textIn(exec, 'interactiveMode') || 'IfAvailable',
        cluster: exec['provideClusterInfo'] === true ? clusterInfo(cluster) : undefined,
        of,
      },
      { clock, signal },
    )
    return given
  }
}

/** The cluster as `KUBERNETES_EXEC_INFO` has it. The CA is always given as data. */
function clusterInfo({ fields }: KubeconfigEntry): KubeconfigFields {
  const file = textIn(fields, 'certificate-authority')
  const extensions: readonly unknown[] = Array.isArray(fields['extensions'])
    ? fields['extensions']
    : []
  const own = extensions
    .map(fieldsOf)
    .find((item) => item['name'] === 'client.authentication.k8s.io/exec')
  return {
    server: fields['server'],
    'tls-server-name': fields['tls-server-name'],
    'insecure-skip-tls-verify': fields['insecure-skip-tls-verify'],
    'certificate-authority-data':
      file === '' ? fields['certificate-authority-data'] : readFileSync(file).toString('base64'),
    'proxy-url': fields['proxy-url'],
    config: own?.['extension'] ?? null,
  }
}

function useContext({ contexts: all }: KubeconfigContents): string {
  const [only, ...more] = all
  return `kubectl config use-context ${only === undefined || more.length > 0 ? 'NAME' : only.name}`
}
