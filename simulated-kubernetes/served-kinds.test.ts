import { describe, expect, test } from 'vitest'
import { definitions, type Definition } from '../test/conformance/definitions.ts'
import { widgetDefinition, widgets, type Widget } from '../test/conformance/world.ts'
import { namespace, start } from '../test/support/simulated-server.ts'

/** The Widget's definition with other properties of its spec. */
function definedWith(properties: object): Definition {
  const [version] = widgetDefinition.spec.versions
  const schema = version?.schema.openAPIV3Schema
  const spec = { ...schema?.properties.spec, properties }
  const openAPIV3Schema = { ...schema, properties: { ...schema?.properties, spec } }
  const versions = [{ ...version, schema: { openAPIV3Schema } }]
  return { ...widgetDefinition, spec: { ...widgetDefinition.spec, versions } }
}

describe('a kind that is defined by a CRD', () => {
  const begin = async () => {
    const world = start()
    const define = async (definition: Definition) =>
      world.client.apply(definitions, definition, { fieldManager: 'test' })
    const at = { namespace, name: 'w' }
    return { ...world, define, at }
  }

  test('is served once it is there, and says so', async () => {
    const { client, define, at } = await begin()
    await expect(client.create(widgets, { metadata: at })).rejects.toMatchObject({ status: 404 })
    await define(widgetDefinition)
    const defined = await client.get(definitions, { name: widgetDefinition.metadata.name })
    expect(defined.status?.conditions?.map(({ type, status }) => [type, status])).toEqual([
      ['NamesAccepted', 'True'],
      ['Established', 'True'],
    ])
    expect((await client.create(widgets, { metadata: at, spec: {} })).spec).toEqual({
      color: 'grey',
    })
  })

  test('shows objects from before a change of its schema by the new one, as the same version', async () => {
    const { client, define, at } = await begin()
    await define(widgetDefinition)
    const old = await client.create<Widget>(widgets, { metadata: at, spec: { size: 1 } })
    const shape = { type: 'string', default: 'round' }
    await define(definedWith({ color: { type: 'string' }, shape }))
    const now = await client.get(widgets, at)
    expect(now.spec).toEqual({ color: 'grey', shape: 'round' })
    expect(now.metadata).toEqual(old.metadata)
  })

  test('takes its objects with it when it goes', async () => {
    const { client, define, at, server } = await begin()
    await define(widgetDefinition)
    await client.create(widgets, { metadata: at })
    const gone: string[] = []
    server.onCommit(({ type, object }) => {
      if (type === 'DELETED') gone.push(object.metadata.name)
    })
    await client.delete(definitions, { name: widgetDefinition.metadata.name })
    expect(gone).toEqual([widgetDefinition.metadata.name, 'w'])
    await expect(client.get(widgets, at)).rejects.toMatchObject({ status: 404 })
    await define(widgetDefinition)
    expect((await client.list(widgets, { namespace })).items).toEqual([])
  })
})
