// A real kube-apiserver and etcd with what the chart installs: kinds, namespace, ServiceAccounts,
// exactly their rights.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'yaml'
import { missingBinaries } from '../../hack/native-cluster/binaries.ts'
import { ensureCertificate, keyPair } from '../../hack/native-cluster/certificates.ts'
import { startControlPlane } from '../../hack/native-cluster/control-plane.ts'
import { inspectDaemon, startDaemon, stopDaemon } from '../../hack/native-cluster/daemon.ts'
import type { Log } from '../../hack/cluster/log.ts'
import { helmProgram, renderChart, type Rendered } from '../../hack/gen/chart-render.ts'
import { crdOf } from '../../hack/gen/crd.ts'
import { allKinds } from '../../core/api/kinds.ts'
import { Api } from './api.ts'
import { flowSchemas, identities, type Identity } from './identities.ts'
import { namespace, paths } from './paths.ts'

/** The API of a lab and the ways to speak to it. */
export interface LabControlPlane {
  readonly server: string
  /**
   * The authority that signed the API server's certificate, PEM; and where it lies with its key.
   */
  readonly ca: string
  readonly pki: string
  /** An administrator. Its requests are not counted. */
  readonly admin: Api
  /** The operator's settings as the chart renders them. */
  readonly settings: Readonly<Record<string, unknown>>
  /** A client with a certificate of its own. Closed with the control plane. */
  as(identity: Exclude<Identity, 'operator' | 'forge'>): Api
  /** A token of a ServiceAccount, bound to a Pod if one is named. */
  token(options: {
    readonly account: string
    readonly audience?: string
    readonly seconds?: number
    readonly pod?: { readonly name: string; readonly uid: string }
    readonly by?: Api
  }): Promise<string>
  /**
   * Ends the API server without warning, runs `meanwhile`, and starts it again on the same data and
   * port.
   */
  restart(meanwhile?: () => Promise<void>): Promise<void>
  /** Ends both processes and removes their data. */
  stop(): Promise<void>
}

/** Why no lab can run here, with the next command; undefined when one can. */
export function labUnavailable(): string | undefined {
  const missing = [
    ...missingBinaries(['etcd', 'kube-apiserver']),
    ...(helmProgram() === undefined ? ['helm'] : []),
  ]
  return missing.length === 0
    ? undefined
    : `${missing.join(' and ')} not built yet; run: npm run cluster -- up`
}

/** Starts one in `directory`, which belongs to it until `stop`. */
export async function startLabControlPlane(options: {
  readonly directory: string
  readonly apiServerFlags?: readonly string[]
  readonly signal?: AbortSignal
  readonly log?: Log
}): Promise<LabControlPlane> {
  const { directory } = options
  const native = await startControlPlane(options)
  const clients: Api[] = []
  try {
    const { server, admin: certificate } = await readKubeconfig(native.kubeconfig)
    const pki = join(directory, 'pki')
    const ca = await readFile(keyPair(pki, 'ca').certificate, 'utf8')
    const certificates = new Map<Identity, { readonly cert: string; readonly key: string }>()
    for (const identity of ['node', 'observer', 'author'] as const)
      certificates.set(identity, await readPair(pki, identity))
    const client = (userAgent: string, pair: { readonly cert: string; readonly key: string }) => {
      const api = new Api({ server, ca, userAgent, certificate: pair })
      clients.push(api)
      return api
    }
    const admin = client('lab-admin', certificate)
    const settings = await install(admin)
    return {
      server,
      ca,
      pki,
      admin,
      settings,
      as: (identity) => client(`lab-${identity}`, certificates.get(identity) ?? certificate),
      async token({ account, audience, seconds = 86_400, pod, by = admin }) {
        const answer = await by.create<{ readonly status: { readonly token: string } }>(
          `${paths.serviceAccounts}/${account}/token`,
          {
            apiVersion: 'authentication.k8s.io/v1',
            kind: 'TokenRequest',
            spec: {
              expirationSeconds: seconds,
              ...(audience === undefined ? {} : { audiences: [audience] }),
              ...(pod === undefined
                ? {}
                : { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', ...pod } }),
            },
          },
        )
        return answer.status.token
      },
      restart: (meanwhile) => restartApiServer(directory, admin, meanwhile),
      async stop() {
        for (const api of clients) api.close()
        await native.stop()
      },
    }
  } catch (error) {
    for (const api of clients) api.close()
    await native.stop()
    throw error
  }
}

async function readKubeconfig(path: string) {
  const config = parse(await readFile(path, 'utf8')) as {
    readonly clusters: readonly { readonly cluster: { readonly server: string } }[]
    readonly users: readonly { readonly user: Readonly<Record<string, string>> }[]
  }
  const user = config.users[0]?.user ?? {}
  const plain = (field: string) => Buffer.from(user[field] ?? '', 'base64').toString()
  return {
    server: config.clusters[0]?.cluster.server ?? '',
    admin: { cert: plain('client-certificate-data'), key: plain('client-key-data') },
  }
}

async function readPair(pki: string, identity: Identity) {
  const pair = await ensureCertificate(pki, `lab-${identity}`, {
    commonName: identities[identity],
  })
  const [cert, key] = await Promise.all(
    [pair.certificate, pair.key].map((path) => readFile(path, 'utf8')),
  )
  return { cert: cert ?? '', key: key ?? '' }
}

/** Installs the chart as helm would, without its workloads. Returns the operator's settings. */
async function install(admin: Api): Promise<Readonly<Record<string, unknown>>> {
  const helm = helmProgram()
  if (helm === undefined) throw new Error(labUnavailable())
  const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
  for (const kind of allKinds) await admin.create(crds, crdOf(kind))
  await admin.create('/api/v1/namespaces', {
    metadata: {
      name: namespace,
      labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
    },
  })
  await admin.create('/api/v1/nodes', { metadata: { name: 'lab' } })
  const rendered = renderChart(helm, ['crds.enabled=false'])
  for (const object of rendered) {
    const path = installed[object.kind]
    if (path !== undefined) await admin.create(path, object)
  }
  await admin.create(`${rbac}/clusterrolebindings`, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'lab-people' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: (['node', 'observer', 'author'] as const).map((identity) => ({
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'User',
      name: identities[identity],
    })),
  })
  const schemas = '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas'
  for (const schema of flowSchemas()) await admin.create(schemas, schema)
  for (const { plural } of allKinds) await untilServed(admin, plural)
  return settingsIn(rendered)
}

const rbac = '/apis/rbac.authorization.k8s.io/v1'

/** Where the kinds of the chart go that a lab needs; the others are workloads. */
const installed: Readonly<Record<string, string>> = {
  ServiceAccount: paths.serviceAccounts,
  Role: `${rbac}/namespaces/${namespace}/roles`,
  RoleBinding: `${rbac}/namespaces/${namespace}/rolebindings`,
  ClusterRole: `${rbac}/clusterroles`,
  ClusterRoleBinding: `${rbac}/clusterrolebindings`,
}

function settingsIn(rendered: readonly Rendered[]): Readonly<Record<string, unknown>> {
  const text = rendered.find(({ kind, data }) => kind === 'ConfigMap' && data?.['config.yaml'])
    ?.data?.['config.yaml']
  if (text === undefined) throw new Error('the chart renders no settings of the operator')
  return parse(text) as Readonly<Record<string, unknown>>
}

async function untilServed(admin: Api, plural: string): Promise<void> {
  const path = `/apis/guildhall.dev/v1alpha1/namespaces/${namespace}/${plural}`
  const end = Date.now() + 30_000
  for (;;) {
    try {
      await admin.list(path)
      return
    } catch (error) {
      // 404 while the kind is unknown, 429 while its storage begins.
      if (Date.now() > end) throw error
      await sleep(50)
    }
  }
}

/**
 * The command is read from the running process, so that it is the very same server that comes back.
 */
async function restartApiServer(
  directory: string,
  admin: Api,
  meanwhile: () => Promise<void> = async () => undefined,
): Promise<void> {
  const name = 'kube-apiserver'
  const found = await inspectDaemon(directory, name)
  if (found.state !== 'running') throw new Error(`${name} is ${found.state}`)
  const commandLine = await readFile(`/proc/${found.pid}/cmdline`, 'utf8')
  const [program = '', ...args] = commandLine.split('\0').slice(0, -1)
  await stopDaemon(directory, name, 0)
  await meanwhile()
  await startDaemon(directory, { name, command: [program, ...args], withParent: true })
  const end = Date.now() + 60_000
  for (;;) {
    const ready = await admin.text('/readyz').catch(() => undefined)
    if (ready === 'ok') return
    if (Date.now() > end) throw new Error(`${name} did not come back`)
    await sleep(100)
  }
}
