import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { binaryPath } from './binaries.ts'
import { keyPair } from './certificates.ts'
import type { Daemon } from './daemon.ts'
import type { StatePaths } from './settings.ts'

/** The controller manager and the scheduler; alone in their cluster, so without leader election. */
export function controllerDaemons(
  paths: StatePaths,
  kubeconfigs: { readonly manager: string; readonly scheduler: string },
): readonly Daemon[] {
  const authority = keyPair(paths.pki, 'ca')
  return [
    {
      name: 'kube-controller-manager',
      command: [
        binaryPath('kube-controller-manager'),
        ...common(kubeconfigs.manager, paths, 'controller-manager'),
        '--use-service-account-credentials=true',
        `--service-account-private-key-file=${join(paths.pki, 'service-account.key')}`,
        `--root-ca-file=${authority.certificate}`,
        `--cluster-signing-cert-file=${authority.certificate}`,
        `--cluster-signing-key-file=${authority.key}`,
      ],
    },
    {
      name: 'kube-scheduler',
      command: [binaryPath('kube-scheduler'), ...common(kubeconfigs.scheduler, paths, 'scheduler')],
    },
  ]
}

/** Our provisioner for the StorageClass `local-path`. */
export async function localPathDaemon(paths: StatePaths, kubeconfig: string): Promise<Daemon> {
  const here = dirname(fileURLToPath(import.meta.url))
  const [program, decide] = ['local-path.ts', 'local-path-decide.ts'].map((name) =>
    join(here, name),
  )
  const sources = await Promise.all([program, decide].map((path) => readFile(path ?? '', 'utf8')))
  return {
    name: 'local-path',
    command: [process.execPath, program ?? '', kubeconfig, paths.volumes],
    configuration: sources.join('\n'),
  }
}

function common(kubeconfig: string, paths: StatePaths, certificate: string): readonly string[] {
  const serving = keyPair(paths.pki, certificate)
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    `--tls-cert-file=${serving.certificate}`,
    `--tls-private-key-file=${serving.key}`,
    '--leader-elect=false',
    '--profiling=false',
  ]
}
