import { describe, expect, it } from 'vitest'
import { configMaps, type ConfigMap } from '../kube/core.ts'
import type { PatchOperation } from '../kube/patch.ts'
import { addFinalizer, finalizerState, removeFinalizer } from './finalizer.ts'

const object = (finalizers: string[] | undefined, deleted = false): ConfigMap => ({
  metadata: {
    name: 'a',
    namespace: 'n',
    uid: 'u',
    finalizers,
    deletionTimestamp: deleted ? '2026-01-01T00:00:00Z' : undefined,
  },
})

it.each([
  ['add', undefined, false],
  ['add', ['other'], false],
  ['work', ['ours'], false],
  ['cleanUp', ['other', 'ours'], true],
  ['gone', ['other'], true],
] as const)('the state is %s with finalizers %o, deleted: %s', (want, finalizers, deleted) => {
  expect(finalizerState(object(finalizers && [...finalizers], deleted), 'ours')).toBe(want)
})

describe('the patch', () => {
  async function sent(
    change: typeof addFinalizer,
    finalizers: string[] | undefined,
  ): Promise<readonly PatchOperation[]> {
    let operations: readonly PatchOperation[] = []
    const client = {
      patch: async (_: unknown, __: unknown, patch: { type: string; body: object }) => {
        if (Array.isArray(patch.body)) operations = patch.body
        return object(finalizers) as never
      },
    }
    await change(client, configMaps, object(finalizers), 'ours', {})
    return operations
  }
  const uid = { op: 'test', path: '/metadata/uid', value: 'u' }
  const path = '/metadata/finalizers'

  it('adds to the list that was seen, or makes one', async () => {
    expect(await sent(addFinalizer, undefined)).toEqual([
      uid,
      { op: 'test', path, value: null },
      { op: 'add', path, value: ['ours'] },
    ])
    expect(await sent(addFinalizer, ['other'])).toEqual([
      uid,
      { op: 'test', path, value: ['other'] },
      { op: 'add', path: `${path}/-`, value: 'ours' },
    ])
  })

  it('removes ours alone, and only from the list that was seen', async () => {
    expect(await sent(removeFinalizer, ['other', 'ours'])).toEqual([
      uid,
      { op: 'test', path, value: ['other', 'ours'] },
      { op: 'remove', path: `${path}/1` },
    ])
  })

  it('is not sent when there is nothing to do', async () => {
    expect(await sent(addFinalizer, ['ours'])).toEqual([])
    expect(await sent(removeFinalizer, ['other'])).toEqual([])
  })
})
