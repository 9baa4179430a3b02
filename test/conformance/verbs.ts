import { describe, expect, test } from 'vitest'
import { configMaps, pods, secrets, tokenReviews } from '../../core/kube/built-in-kinds.ts'
import {
  KubeError,
  isAlreadyExists,
  isConflict,
  isForbidden,
  isInvalid,
  isNotFound,
} from '../../core/kube/errors.ts'
import { type WorldOf, widgets } from './world.ts'

/** Every verb of the client, and the server's answer to it. */
export function verbSuite(world: WorldOf): void {
  const at = (name: string) => ({ namespace: world().namespace, name })
  const createWidget = async (name: string, spec: object = { size: 1 }) =>
    world().client.create(widgets, { metadata: at(name), spec })

  describe('create', () => {
    test('stores the object and fills in what the server owns', async () => {
      const made = await createWidget('made', { size: 3 })
      expect(made).toMatchObject({
        apiVersion: 'conformance.guildhall.dev/v1',
        kind: 'Widget',
        metadata: { name: 'made', generation: 1 },
        spec: { size: 3, color: 'grey' },
      })
      expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
      expect(made.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      expect(await world().client.get(widgets, at('made'))).toEqual(made)
    })

    test('refuses a name that is taken', async () => {
      await createWidget('taken')
      await expect(createWidget('taken')).rejects.toSatisfy(isAlreadyExists)
    })

    test('refuses what the schema forbids, naming the field', async () => {
      const refused = createWidget('large', { size: 101 })
      await expect(refused).rejects.toSatisfy(isInvalid)
      await expect(refused).rejects.toMatchObject({ causes: [{ field: 'spec.size' }] })
    })

    test('drops what the schema does not know, and the status', async () => {
      const metadata = at('pruned')
      const object = { metadata, spec: { size: 1, odd: true }, status: { phase: 'Done' } }
      const made = await world().client.create(widgets, object)
      expect(made.spec).toEqual({ size: 1, color: 'grey' })
      expect(made.status).toBeUndefined()
    })

    test('as a dry run stores nothing', async () => {
      await world().client.create(widgets, { metadata: at('dry') }, { dryRun: true })
      await expect(world().client.get(widgets, at('dry'))).rejects.toSatisfy(isNotFound)
    })
  })

  describe('update', () => {
    test('of what was seen succeeds once, then conflicts', async () => {
      const seen = await createWidget('updated')
      const next = await world().client.update(widgets, { ...seen, spec: { size: 2 } })
      expect(next.metadata.generation).toBe(2)
      const late = world().client.update(widgets, { ...seen, spec: { size: 3 } })
      await expect(late).rejects.toSatisfy(isConflict)
      expect((await world().client.get(widgets, at('updated'))).spec?.size).toBe(2)
    })

    test('that changes nothing keeps the version, so nobody is woken', async () => {
      const seen = await createWidget('same')
      const again = await world().client.update(widgets, seen)
      expect(again.metadata.resourceVersion).toBe(seen.metadata.resourceVersion)
    })

    test('is refused with the sentence of the rule it breaks', async () => {
      const seen = await createWidget('ruled')
      const refused = world().client.update(widgets, { ...seen, spec: { color: 'red' } })
      await expect(refused).rejects.toSatisfy(isInvalid)
      await expect(refused).rejects.toThrow('spec.color cannot change')
    })
  })

  describe('status and the rest do not touch each other', () => {
    test('when replaced', async () => {
      const seen = await createWidget('split', { size: 1 })
      const { client } = world()
      const status = { phase: 'Ready' }
      const marked = await client.updateStatus(widgets, { ...seen, spec: { size: 9 }, status })
      expect(marked).toMatchObject({ spec: { size: 1 }, status, metadata: { generation: 1 } })
      const grown = { ...marked, spec: { size: 2 }, status: { phase: 'Lost' } }
      const written = await client.update(widgets, grown)
      expect(written).toMatchObject({ spec: { size: 2 }, status, metadata: { generation: 2 } })
    })

    test('when patched', async () => {
      await createWidget('patched', { size: 1 })
      const { client } = world()
      const patch = (phase: string | null) =>
        client.patch(
          widgets,
          at('patched'),
          { type: 'merge', body: { status: { phase } } },
          { subresource: 'status' },
        )
      const marked = await patch('Ready')
      expect(marked).toMatchObject({ spec: { size: 1 }, status: { phase: 'Ready' } })
      const cleared = await patch(null)
      expect(cleared.status?.phase).toBeUndefined()
    })

    test('a status update on an old version conflicts', async () => {
      const seen = await createWidget('raced')
      const { client } = world()
      await client.updateStatus(widgets, { ...seen, status: { phase: 'A' } })
      const late = client.updateStatus(widgets, { ...seen, status: { phase: 'B' } })
      await expect(late).rejects.toSatisfy(isConflict)
    })
  })

  describe('server-side apply', () => {
    test('creates, changes, and removes what is no longer applied', async () => {
      const { client } = world()
      const apply = async (spec: object) =>
        client.apply(widgets, { metadata: at('applied'), spec }, { fieldManager: 'one' })
      expect((await apply({ size: 1, parts: [{ name: 'a' }] })).spec?.parts).toHaveLength(1)
      expect((await apply({ size: 2 })).spec).toEqual({ size: 2, color: 'grey' })
    })

    test('keeps the fields of other managers in keyed lists', async () => {
      const { client } = world()
      const apply = async (fieldManager: string, name: string) =>
        client.apply(
          widgets,
          { metadata: at('shared'), spec: { parts: [{ name, count: 1 }] } },
          { fieldManager },
        )
      await apply('one', 'a')
      const both = await apply('two', 'b')
      expect(both.spec?.parts?.map((part) => part.name).toSorted()).toEqual(['a', 'b'])
    })

    test('without force conflicts over a field of another manager, with force takes it', async () => {
      const { client } = world()
      const apply = async (fieldManager: string, size: number, force: boolean) =>
        client.apply(widgets, { metadata: at('forced'), spec: { size } }, { fieldManager, force })
      await apply('one', 1, false)
      await expect(apply('two', 2, false)).rejects.toSatisfy(isConflict)
      expect((await apply('two', 2, true)).spec?.size).toBe(2)
    })

    test('on a version that is old conflicts', async () => {
      const { client } = world()
      const seen = await createWidget('strict')
      await client.update(widgets, { ...seen, spec: { size: 2 } })
      const metadata = { ...at('strict'), resourceVersion: seen.metadata.resourceVersion }
      const late = client.apply(widgets, { metadata, spec: { size: 5 } }, { fieldManager: 'x' })
      await expect(late).rejects.toSatisfy(isConflict)
    })

    test('of the status changes the status only', async () => {
      const { client } = world()
      await createWidget('status-applied', { size: 1 })
      const status = { conditions: [{ type: 'Ready', status: 'True' }] }
      const object = { metadata: at('status-applied'), spec: { size: 9 }, status }
      const applied = await client.apply(widgets, object, {
        fieldManager: 'one',
        subresource: 'status',
      })
      expect(applied).toMatchObject({ spec: { size: 1 }, status })
    })
  })

  describe('patch', () => {
    test('as merge removes with null and replaces lists', async () => {
      const { client } = world()
      await createWidget('merged', { size: 1, parts: [{ name: 'a' }, { name: 'b' }] })
      const body = { spec: { size: null, parts: [{ name: 'c' }] } }
      const next = await client.patch(widgets, at('merged'), { type: 'merge', body })
      expect(next.spec).toEqual({ color: 'grey', parts: [{ name: 'c' }] })
    })

    test('as JSON patch happens as a whole or not at all', async () => {
      const { client } = world()
      await createWidget('tested', { size: 1 })
      const patch = async (seen: number) =>
        client.patch(widgets, at('tested'), {
          type: 'json',
          body: [
            { op: 'replace', path: '/spec/size', value: 7 },
            { op: 'test', path: '/metadata/generation', value: seen },
          ],
        })
      await expect(patch(99)).rejects.toSatisfy(isInvalid)
      expect((await client.get(widgets, at('tested'))).spec?.size).toBe(1)
      expect((await patch(1)).spec?.size).toBe(7)
    })
  })

  describe('delete', () => {
    test('removes the object', async () => {
      const { client } = world()
      await createWidget('gone')
      await expect(client.delete(widgets, at('gone'))).resolves.toBeUndefined()
      await expect(client.get(widgets, at('gone'))).rejects.toSatisfy(isNotFound)
      await expect(client.delete(widgets, at('gone'))).rejects.toSatisfy(isNotFound)
    })

    test('of another object under the same name is refused', async () => {
      const { client } = world()
      const old = await createWidget('reborn')
      await client.delete(widgets, at('reborn'))
      await createWidget('reborn')
      const late = client.delete(widgets, { ...at('reborn'), uid: old.metadata.uid })
      await expect(late).rejects.toSatisfy(isConflict)
      expect(await client.get(widgets, at('reborn'))).toBeDefined()
    })

    test('of a version that is old is refused', async () => {
      const { client } = world()
      const old = await createWidget('moved')
      await client.update(widgets, { ...old, spec: { size: 2 } })
      const { resourceVersion } = old.metadata
      const late = client.delete(widgets, { ...at('moved'), resourceVersion })
      await expect(late).rejects.toSatisfy(isConflict)
    })
  })

  describe('list', () => {
    test('joins pages, filters, and names the kind', async () => {
      const { client, namespace } = world()
      const made = Array.from({ length: 1_203 }, (_, index) => index)
      // In batches, so that the suite is gentle to a cluster that others use, too.
      for (let start = 0; start < made.length; start += 100) {
        await Promise.all(
          made.slice(start, start + 100).map((index) =>
            client.create(configMaps, {
              metadata: {
                ...at(`many-${index}`),
                labels: { many: 'yes', parity: index % 2 === 0 ? 'even' : 'odd' },
              },
            }),
          ),
        )
      }
      const all = await client.list(configMaps, { namespace, labelSelector: 'many=yes' })
      expect(new Set(all.items.map((item) => item.metadata.name)).size).toBe(1_203)
      expect(all.items[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' })
      expect(Number(all.resourceVersion)).toBeGreaterThan(0)
      const odd = await client.list(configMaps, { namespace, labelSelector: 'many,parity=odd' })
      expect(odd.items).toHaveLength(601)
      const fieldSelector = 'metadata.name=many-7'
      const one = await client.list(configMaps, { namespace, fieldSelector })
      expect(one.items.map((item) => item.metadata.name)).toEqual(['many-7'])
    })

    test('of nothing has a version to watch from', async () => {
      const { client, namespace } = world()
      const { items, resourceVersion } = await client.list(secrets, {
        namespace,
        labelSelector: 'nobody=has-this',
      })
      expect(items).toEqual([])
      expect(Number(resourceVersion)).toBeGreaterThan(0)
    })
  })

  describe('anything else', () => {
    test('is reached by path', async () => {
      const version = await world().client.raw('GET', '/version')
      expect(version).toMatchObject({ major: '1' })
      expect(await world().client.raw('GET', '/readyz')).toBe('ok')
    })

    test('is refused with the words of the server', async () => {
      const { client } = world()
      const metadata = at('no-containers')
      const refused = client.create(pods, { metadata, spec: { containers: [] } })
      await expect(refused).rejects.toThrow('spec.containers: Required value')
      const strange = client.raw('GET', '/apis/nowhere.example/v1/things')
      await expect(strange).rejects.toBeInstanceOf(KubeError)
    })

    test('a token that nobody issued is nobody', async () => {
      const review = await world().client.create(tokenReviews, {
        metadata: { name: '' },
        spec: { token: 'not-a-token' },
      })
      expect(review.status?.authenticated ?? false).toBe(false)
    })

    test('a user without rights is told so', async () => {
      const { client, namespace } = world()
      const answer = await client.raw(
        'POST',
        '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SubjectAccessReview',
          spec: {
            user: 'nobody',
            resourceAttributes: { namespace, verb: 'get', resource: 'secrets' },
          },
        },
      )
      expect(answer).toMatchObject({ status: { allowed: false } })
      expect(isForbidden(new KubeError({ status: 403, reason: 'Forbidden', message: '' }))).toBe(
        true,
      )
    })
  })
}
