import { readFile, rename, writeFile } from 'node:fs/promises'
import { stringify } from 'yaml'
import type { KeyPair } from './certificates.ts'

/** What a kubeconfig file says. */
interface KubeconfigContent {
  readonly cluster: string
  /** `https://host:port` */
  readonly server: string
  readonly user: string
  /** The path of the authority's certificate. */
  readonly authority: string
  readonly credentials: KeyPair
}

/** Writes a kubeconfig with everything in it, readable by its owner alone. Replaces what is there. */
export async function writeKubeconfig(path: string, content: KubeconfigContent): Promise<void> {
  const { cluster, user } = content
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': cluster,
    contexts: [{ name: cluster, context: { cluster, user } }],
    clusters: [
      {
        name: cluster,
        cluster: {
          server: content.server,
          'certificate-authority-data': await base64(content.authority),
        },
      },
    ],
    users: [
      {
        name: user,
        user: {
          'client-certificate-data': await base64(content.credentials.certificate),
          'client-key-data': await base64(content.credentials.key),
        },
      },
    ],
  }
  await writeFile(`${path}.part`, stringify(config), { mode: 0o600 })
  await rename(`${path}.part`, path)
}

async function base64(file: string): Promise<string> {
  return (await readFile(file)).toString('base64')
}
