import type {
  V1PersistentVolume,
  V1PersistentVolumeClaim,
  V1StorageClass,
} from '@kubernetes/client-node'
import { describe, expect, test } from 'vitest'
import { decideStorage, provisioner, type StorageView } from './local-path-decide.ts'

const late = {
  metadata: { name: 'local-path' },
  provisioner,
  volumeBindingMode: 'WaitForFirstConsumer',
  reclaimPolicy: 'Delete',
} satisfies V1StorageClass
const atOnce = { ...late, volumeBindingMode: 'Immediate' }
const selected = { 'volume.kubernetes.io/selected-node': 'node' }

const spec = {
  storageClassName: 'local-path',
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: '5Gi' } },
} satisfies V1PersistentVolumeClaim['spec']

function claim(over: Partial<V1PersistentVolumeClaim> = {}): V1PersistentVolumeClaim {
  return {
    metadata: { name: 'data', namespace: 'team', uid: 'u1', annotations: selected },
    spec,
    status: { phase: 'Pending' },
    ...over,
  }
}

function volume(phase: string, reclaim = 'Delete', by = provisioner): V1PersistentVolume {
  return {
    metadata: { name: 'pvc-u1', annotations: { 'pv.kubernetes.io/provisioned-by': by } },
    spec: { persistentVolumeReclaimPolicy: reclaim },
    status: { phase },
  }
}

function decide(view: Partial<StorageView>) {
  const whole: StorageView = { classes: [late], claims: [], volumes: [], ...view }
  return decideStorage(whole, '/volumes', 'node')
}

describe('decideStorage', () => {
  test('makes a volume that belongs to the claim, on the node, and that fsGroup applies to', () => {
    const [action] = decide({ claims: [claim()] })
    expect(action).toMatchObject({
      do: 'create',
      path: '/volumes/pvc-u1',
      volume: {
        metadata: { name: 'pvc-u1' },
        spec: {
          local: { path: '/volumes/pvc-u1' },
          capacity: { storage: '5Gi' },
          claimRef: { namespace: 'team', name: 'data', uid: 'u1' },
        },
      },
    })
  })

  const unselected = claim({ metadata: { name: 'data', uid: 'u1' } })
  test.each<{ title: string; view: Partial<StorageView>; want: readonly string[] }>([
    { title: 'waits for a Pod to be placed', view: { claims: [unselected] }, want: [] },
    {
      title: 'does not wait when the class does not ask for it',
      view: { classes: [atOnce], claims: [unselected] },
      want: ['create'],
    },
    {
      title: 'makes none twice',
      view: { claims: [claim()], volumes: [volume('Available')] },
      want: [],
    },
    {
      title: 'leaves the claims of other classes alone',
      view: { classes: [{ ...late, provisioner: 'other' }], claims: [claim()] },
      want: [],
    },
    {
      title: 'leaves a claim alone that is bound',
      view: { claims: [claim({ status: { phase: 'Bound' } })] },
      want: [],
    },
    {
      title: 'leaves a claim alone that wants a certain volume',
      view: { claims: [claim({ spec: { ...spec, volumeName: 'mine' } })] },
      want: [],
    },
    {
      title: 'removes what is released',
      view: { volumes: [volume('Released')] },
      want: ['delete'],
    },
    { title: 'keeps what is bound', view: { volumes: [volume('Bound')] }, want: [] },
    {
      title: 'keeps what is to be retained',
      view: { volumes: [volume('Released', 'Retain')] },
      want: [],
    },
    {
      title: 'keeps what somebody else made',
      view: { volumes: [volume('Released', 'Delete', 'other')] },
      want: [],
    },
  ])('$title', ({ view, want }) => {
    expect(decide(view).map((action) => action.do)).toEqual(want)
  })
})
