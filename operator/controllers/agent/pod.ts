// The Pod of one agent: two containers, one with the token, one that runs the project's commands
// and holds nothing.
import type { Agent } from '../../../core/api/agent.ts'
import { ownedBy } from '../../../core/api/kinds.ts'
import { audiences, labels } from '../../../core/api/names.ts'
import type { AgentTemplate } from '../../settings/agent-template.ts'
import type { Pod } from '../../../core/kube/built-in-kinds.ts'

const agentUid = 10001
const sandboxUid = 10002
/**
 * Group of the users of both containers. It may write the workspace and the socket; the containers
 * share nothing else.
 */
const sharedGroup = 10000
const tokenDirectory = '/var/run/secrets/guildhall/hub'

/**
 * The project's commands run as the server's user in the server's process namespace. Process 1 is
 * therefore not the server but a program that they cannot end, and that starts the server again
 * when they end it. Without the flag SIGUSR1 would open Node's inspector in the server, and whoever
 * sent it could rewrite all results.
 */
const sandboxCommand =
  'python3 -I -S /app/sandbox-init.py node --disable-sigusr1 --enable-source-maps /app/sandbox.js'.split(
    ' ',
  )

/**
 * Name of an agent's Pod. It holds a part of the Agent's uid, because the Pod of a deleted Agent of
 * the same name may still be ending.
 */
export function podNameOf(agent: Agent): string {
  return `${agent.metadata.name}-${agent.metadata.uid.slice(0, 5)}`
}

/**
 * Builds the Pod. Guarantees, each tested from inside a running one: restricted Pod Security; no
 * Kubernetes token in any container; the hub token and the git directory are mounted in the agent
 * container only; read-only root file systems.
 */
export function agentPod(agent: Agent, template: AgentTemplate, hubUrl: string): Pod {
  const { name, namespace } = agent.metadata
  const hardened = {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  }
  const shared = [
    { name: 'workspace', mountPath: '/workspace' },
    { name: 'run', mountPath: '/run/guildhall' },
  ]
  const env = {
    ...template.environment,
    GUILDHALL_WORKSPACE: '/workspace',
    GUILDHALL_SANDBOX_SOCKET: '/run/guildhall/sandbox.sock',
    GUILDHALL_SANDBOX_PROGRAMS: '/app/programs',
    HOME: '/tmp',
  }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podNameOf(agent),
      namespace,
      labels: {
        [labels.name]: 'guildhall',
        [labels.component]: 'agent',
        [labels.managedBy]: 'guildhall-operator',
        [labels.agent]: name,
        [labels.agentType]: agent.spec.type,
      },
      ownerReferences: [ownedBy(agent)],
    },
    spec: {
      serviceAccountName: template.serviceAccountName,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      // With one namespace for both containers a command could see and signal the agent, and the
      // sandbox's process 1 would be the pause container.
      shareProcessNamespace: false,
      // A restarted container would forget its task but keep its identity; a new Pod is a new
      // holder. The sandbox's process 1 starts the sandbox's server again by itself.
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: template.gracePeriodSeconds,
      ...(template.runtimeClassName === '' ? {} : { runtimeClassName: template.runtimeClassName }),
      nodeSelector: template.nodeSelector,
      tolerations: template.tolerations,
      securityContext: {
        runAsNonRoot: true,
        fsGroup: sharedGroup,
        supplementalGroups: [sharedGroup],
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: 'agent',
          image: template.image,
          imagePullPolicy: template.imagePullPolicy,
          command: ['node', '--enable-source-maps', '/app/agent.js'],
          env: environment({
            ...env,
            GUILDHALL_HUB_URL: hubUrl,
            GUILDHALL_TOKEN_FILE: `${tokenDirectory}/token`,
            GUILDHALL_AGENT: name,
            GUILDHALL_AGENT_TYPE: agent.spec.type,
            GUILDHALL_GIT: '/git',
          }),
          resources: template.resources.agent,
          securityContext: { ...hardened, runAsUser: agentUid, runAsGroup: sharedGroup },
          volumeMounts: [
            ...shared,
            { name: 'git', mountPath: '/git' },
            { name: 'agent-tmp', mountPath: '/tmp' },
            { name: 'hub-token', mountPath: tokenDirectory, readOnly: true },
          ],
        },
        {
          name: 'sandbox',
          image: template.image,
          imagePullPolicy: template.imagePullPolicy,
          command: sandboxCommand,
          env: environment(env),
          resources: template.resources.sandbox,
          securityContext: { ...hardened, runAsUser: sandboxUid, runAsGroup: sharedGroup },
          volumeMounts: [...shared, { name: 'sandbox-tmp', mountPath: '/tmp' }],
        },
      ],
      volumes: [
        { name: 'workspace', emptyDir: { sizeLimit: template.workspaceSizeLimit } },
        { name: 'run', emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } },
        { name: 'git', emptyDir: { sizeLimit: template.workspaceSizeLimit } },
        { name: 'agent-tmp', emptyDir: { sizeLimit: '256Mi' } },
        // On disk: in memory it would be charged to the container's memory limit, and a test that
        // writes files would get the container killed. The kubelet evicts a Pod whose volume is too
        // full, so the sandbox empties /tmp before each command and lets no file grow beyond half
        // of this.
        { name: 'sandbox-tmp', emptyDir: { sizeLimit: '1Gi' } },
        {
          name: 'hub-token',
          projected: {
            sources: [
              {
                serviceAccountToken: {
                  audience: audiences.hub,
                  expirationSeconds: 3600,
                  path: 'token',
                },
              },
            ],
          },
        },
      ],
    } as unknown as NonNullable<Pod['spec']>,
  }
}

function environment(
  values: Readonly<Record<string, string>>,
): readonly { readonly name: string; readonly value: string }[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }))
}
