// A git repository that is served from within the cluster, as a company's git server would.
import { kubectl, namespace } from './lab.ts'

/** The image of agents, which has git and Python. */
export const agentImage = async (): Promise<string> =>
  JSON.parse(await kubectl(['get', 'configmap', 'guildhall-config', '-o', 'json'])).data[
    'config.yaml'
  ].match(/image: "?(\S+agent:[^\s"]+)/)[1] as string

/** The Service that leads to a `gitServer` of that name. */
export const serviceOf = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec: { selector: { app: name }, ports: [{ port: 8080 }] },
})

/** A Pod that serves one repository, `app.git` with one commit of `files`, over plain HTTP. */
export const gitServer = (
  name: string,
  image: string,
  files: Readonly<Record<string, string>>,
): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels: { app: name } },
  spec: {
    automountServiceAccountToken: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 10001,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        name: 'git',
        image,
        imagePullPolicy: 'IfNotPresent',
        command: ['sh', '-c', script(files)],
        env: [{ name: 'HOME', value: '/tmp' }],
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
      },
    ],
    volumes: [{ name: 'tmp', emptyDir: {} }],
  },
})

const script = (files: Readonly<Record<string, string>>): string => `set -e
git init -q -b main /tmp/work && cd /tmp/work
${Object.entries(files)
  .map(([path, text]) => {
    const bytes = Buffer.from(text).toString('base64')
    return `mkdir -p "$(dirname '${path}')" && echo ${bytes} | base64 -d > '${path}'`
  })
  .join('\n')}
git add . && git -c user.name=t -c user.email=t@t.invalid commit -q -m 'Begin'
git clone -q --bare /tmp/work /tmp/served/app.git && git -C /tmp/served/app.git update-server-info
exec python3 -m http.server 8080 --directory /tmp/served`
