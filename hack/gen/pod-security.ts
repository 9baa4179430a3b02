import type { RenderedContainer, RenderedPod } from './chart-render.ts'

/** Volume types that the Pod Security Standard "restricted" allows. */
const allowedVolumes = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
])

const hostFields = ['hostNetwork', 'hostPID', 'hostIPC', 'hostUsers'] as const

/**
 * What the Pod Security Standard "restricted" would refuse about a Pod; empty when it is admitted.
 */
export function podSecurityProblems(pod: RenderedPod): readonly string[] {
  const { securityContext = {}, volumes = [], containers, initContainers = [] } = pod
  const volumeTypes = volumes.flatMap((volume) =>
    Object.keys(volume).filter((key) => key !== 'name'),
  )
  return [
    ...hostFields.filter((field) => pod[field] === true).map((field) => `uses ${field}`),
    ...volumeTypes.filter((type) => !allowedVolumes.has(type)).map((type) => `mounts a ${type}`),
    ...(securityContext['runAsNonRoot'] === true ? [] : ['may run as root']),
    ...(Number(securityContext['runAsUser']) > 0 ? [] : ['has no user of its own']),
    ...(seccomp(securityContext) === 'RuntimeDefault' ? [] : ['has no seccomp profile']),
    ...[...containers, ...initContainers].flatMap(containerProblems),
  ]
}

function containerProblems({ name, securityContext = {}, ports = [] }: RenderedContainer) {
  const dropped = list(securityContext['capabilities'], 'drop')
  const added = list(securityContext['capabilities'], 'add')
  const problems = [
    ...(securityContext['allowPrivilegeEscalation'] === false ? [] : ['may gain privileges']),
    ...(securityContext['privileged'] === true ? ['is privileged'] : []),
    ...(dropped.includes('ALL') ? [] : ['keeps capabilities']),
    ...added.filter((capability) => capability !== 'NET_BIND_SERVICE').map((one) => `adds ${one}`),
    ...(securityContext['runAsNonRoot'] === false ? ['may run as root'] : []),
    ...(ports.some((port) => 'hostPort' in port) ? ['takes a port of the node'] : []),
  ]
  return problems.map((problem) => `container ${name} ${problem}`)
}

function seccomp(context: Readonly<Record<string, unknown>>): unknown {
  const profile = context['seccompProfile']
  return typeof profile === 'object' && profile && 'type' in profile ? profile.type : undefined
}

function list(value: unknown, field: string): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  const found: unknown = Object.entries(value).find(([name]) => name === field)?.[1]
  return Array.isArray(found) ? found.map(String) : []
}
