import { join } from 'node:path'
import type {
  V1PersistentVolume,
  V1PersistentVolumeClaim,
  V1StorageClass,
} from '@kubernetes/client-node'

/** The provisioner that our StorageClasses name. */
export const provisioner = 'guildhall.dev/local-path'

const provisionedBy = 'pv.kubernetes.io/provisioned-by'
const selectedNode = 'volume.kubernetes.io/selected-node'
const classAnnotation = 'volume.beta.kubernetes.io/storage-class'

/** What the provisioner sees in one look. */
export interface StorageView {
  readonly classes: readonly V1StorageClass[]
  readonly claims: readonly V1PersistentVolumeClaim[]
  readonly volumes: readonly V1PersistentVolume[]
}

/** What it does next. */
export type StorageAction =
  | { readonly do: 'create'; readonly path: string; readonly volume: V1PersistentVolume }
  | { readonly do: 'delete'; readonly path: string; readonly name: string }

/** Which volumes have to be made and which removed. `directory` is where they lie, `node` the node they are on. */
export function decideStorage(
  view: StorageView,
  directory: string,
  node: string,
): readonly StorageAction[] {
  const classes = new Map(
    view.classes
      .filter((candidate) => candidate.provisioner === provisioner)
      .map((candidate) => [candidate.metadata?.name, candidate]),
  )
  const existing = new Set(view.volumes.map((volume) => volume.metadata?.name))
  const actions: StorageAction[] = []
  for (const claim of view.claims) {
    const storageClass = classes.get(className(claim))
    const name = `pvc-${claim.metadata?.uid}`
    if (!storageClass || existing.has(name) || !wantsVolume(claim, storageClass, node)) continue
    const path = join(directory, name)
    actions.push({ do: 'create', path, volume: volumeFor(claim, storageClass, name, path, node) })
  }
  for (const volume of view.volumes) {
    const name = volume.metadata?.name
    const ours = volume.metadata?.annotations?.[provisionedBy] === provisioner
    const released = volume.status?.phase === 'Released'
    if (!name || !ours || !released) continue
    if (volume.spec?.persistentVolumeReclaimPolicy !== 'Delete') continue
    actions.push({ do: 'delete', path: join(directory, name), name })
  }
  return actions
}

function className(claim: V1PersistentVolumeClaim): string | undefined {
  return claim.spec?.storageClassName ?? claim.metadata?.annotations?.[classAnnotation]
}

function wantsVolume(
  claim: V1PersistentVolumeClaim,
  storageClass: V1StorageClass,
  node: string,
): boolean {
  const { metadata, spec, status } = claim
  if (metadata?.deletionTimestamp || spec?.volumeName || status?.phase !== 'Pending') return false
  if (spec?.volumeMode === 'Block' || spec?.selector) return false
  if (storageClass.volumeBindingMode !== 'WaitForFirstConsumer') return true
  return metadata?.annotations?.[selectedNode] === node
}

function volumeFor(
  claim: V1PersistentVolumeClaim,
  storageClass: V1StorageClass,
  name: string,
  path: string,
  node: string,
): V1PersistentVolume {
  const { metadata, spec } = claim
  return {
    metadata: { name, annotations: { [provisionedBy]: provisioner } },
    spec: {
      storageClassName: storageClass.metadata?.name ?? '',
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      accessModes: spec?.accessModes ?? ['ReadWriteOnce'],
      capacity: { storage: spec?.resources?.requests?.['storage'] ?? '1Gi' },
      volumeMode: 'Filesystem',
      // `local` and not `hostPath`: only for `local` does the kubelet apply a Pod's fsGroup.
      local: { path },
      claimRef: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        namespace: metadata?.namespace ?? '',
        name: metadata?.name ?? '',
        uid: metadata?.uid ?? '',
      },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            {
              matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }],
            },
          ],
        },
      },
    },
  }
}
