import { expect, it } from 'vitest'
import { isInvalid, isNotFound } from '../../operator/kube/errors.ts'
import { widgets, type WorldOf } from './world.ts'

/** The scale subresource, as `kubectl scale` and autoscalers use it. */
export function scaleSuite(world: WorldOf): void {
  const at = (name: string) => ({ namespace: world().namespace, name })

  it('tells what is asked for and what is there', async () => {
    const { client } = world()
    const made = await client.create(widgets, { metadata: at('told'), spec: { size: 4 } })
    await client.updateStatus(widgets, { ...made, status: { ready: 2 } })
    expect(await client.getScale(widgets, at('told'))).toMatchObject({
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'told', uid: made.metadata.uid },
      spec: { replicas: 4 },
      status: { replicas: 2 },
    })
  })

  it('changes how many are asked for and nothing else', async () => {
    const { client } = world()
    const spec = { size: 1, color: 'red' }
    await client.create(widgets, { metadata: at('scaled'), spec })
    expect((await client.scale(widgets, at('scaled'), 7)).spec).toEqual({ replicas: 7 })
    const found = await client.get(widgets, at('scaled'))
    expect(found).toMatchObject({ spec: { size: 7, color: 'red' }, metadata: { generation: 2 } })
  })

  it('is held to the schema of the kind, and to its existence', async () => {
    const { client } = world()
    await client.create(widgets, { metadata: at('bound'), spec: { size: 1 } })
    await expect(client.scale(widgets, at('bound'), 101)).rejects.toSatisfy(isInvalid)
    await expect(client.getScale(widgets, at('absent'))).rejects.toSatisfy(isNotFound)
  })
}
