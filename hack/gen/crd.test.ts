import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { agentConditions, requestConditions, taskConditions } from '../../core/api/conditions.ts'
import type { KindDefinition } from '../../core/api/schema.ts'
import { type Crd, crdOf, schemaAt } from './crd.ts'
import { crdProblems, type SchemaNode } from './crd-schema.ts'
import { allKinds } from '../../core/api/kinds.ts'

const checkedIn = await Promise.all(
  allKinds.map(async (kind) => ({ kind, crd: await readCrd(kind) })),
)

describe.each(checkedIn)('the checked-in CRD of $kind.kind', ({ kind, crd }) => {
  const [version] = crd.spec.versions
  const root = version?.schema.openAPIV3Schema ?? {}

  test('breaks no rule of structural schemas, bounds and descriptions', () => {
    const { spec = {}, status = {} } = root.properties ?? {}

    expect([...crdProblems(spec, 'spec'), ...crdProblems(status, 'status')]).toEqual([])
    expect(Object.keys(spec.properties ?? {})).not.toEqual([])
    expect(Object.keys(status.properties ?? {})).not.toEqual([])
  })

  test('shows no pattern to a person who writes a spec', () => {
    expect(patternsIn(root.properties?.['spec'] ?? {})).toEqual([])
  })

  test('spends less on its patterns than the API server allows for a rule and for a kind', () => {
    const costs = matchCosts(root.properties?.['spec'] ?? {})
    expect(Math.max(0, ...costs)).toBeLessThan(10_000_000 / 2)
    expect(costs.reduce((sum, cost) => sum + cost, 0)).toBeLessThan(100_000_000 / 2)
  })

  test('has the names of the api', () => {
    expect(crd.metadata.name).toBe(`${kind.plural}.guildhall.dev`)
    expect(crd.spec.scope).toBe('Namespaced')
    expect(crd.spec.names).toEqual({
      kind: kind.kind,
      listKind: `${kind.kind}List`,
      plural: kind.plural,
      singular: kind.singular,
      shortNames: kind.shortNames,
      categories: ['guildhall'],
    })
  })

  test('has one version, which is served, stored and has the status subresource', () => {
    expect(crd.spec.versions).toHaveLength(1)
    expect(version).toMatchObject({
      name: 'v1alpha1',
      served: true,
      storage: true,
      subresources: { status: {} },
    })
  })

  test('has printer columns that show fields that exist, under one name each', () => {
    const columns = version?.additionalPrinterColumns ?? []
    const shown = columns.filter(({ jsonPath }) => jsonPath !== '.metadata.creationTimestamp')

    for (const { jsonPath } of shown) expect(schemaAt(root, jsonPath).type).toBeDefined()
    expect(new Set(columns.map(({ name }) => name)).size).toBe(columns.length)
    expect(columns.map(({ name }) => name)).toContain('AGE')
    expect(columns.map(({ priority }) => priority === 1)).toEqual(
      kind.columns.map((column) => 'wide' in column && column.wide),
    )
  })

  test('filters conditions in columns by types that are set', () => {
    const known = new Set<string>(
      [agentConditions, requestConditions, taskConditions].flatMap((types) => Object.keys(types)),
    )
    const types = kind.columns.flatMap(({ path }) => /@\.type=="(\w+)"/.exec(path)?.[1] ?? [])

    expect(types.filter((type) => !known.has(type))).toEqual([])
  })
})

describe('crdOf', () => {
  test.each<[string, Partial<KindDefinition>, RegExp]>([
    ['a short name of a neighbour', { shortNames: ['ag'] }, /short name ag is taken/],
    [
      'a column that points nowhere',
      { columns: [{ name: 'X', path: '.status.nothing' }] },
      /leads nowhere/,
    ],
    [
      'a column of the wrong type',
      { columns: [{ name: 'X', path: '.spec.word', type: 'integer' }] },
      /column X is of type integer, but \.spec\.word is string/,
    ],
    [
      'a column of metadata that kubectl shows anyway',
      { columns: [{ name: 'X', path: '.metadata.name' }] },
      /creationTimestamp/,
    ],
    ['a selectable field that is an object', { selectableFields: ['.spec'] }, /only scalars/],
  ])('refuses %s', (_, change, want) => {
    expect(() => crdOf({ ...aKind(), ...change })).toThrow(want)
  })

  test('carries rules over the whole object at its root', () => {
    const rules = [{ rule: "self.metadata.name != 'x'", message: 'not x' }]

    const [version] = crdOf({ ...aKind(), rules }).spec.versions

    expect(version?.schema.openAPIV3Schema['x-kubernetes-validations']).toEqual(rules)
  })
})

function childrenOf({ properties, items }: SchemaNode): readonly SchemaNode[] {
  return [...Object.values(properties ?? {}), ...(items ? [items] : [])]
}

function patternsIn(node: SchemaNode): readonly string[] {
  return [
    ...(node.pattern === undefined ? [] : [node.pattern]),
    ...childrenOf(node).flatMap(patternsIn),
  ]
}

/**
 * What the API server estimates for rules that match a string: by cel-go a tenth of its longest
 * length in bytes, four for a sign, times a quarter of the pattern's, and that for each item of the
 * lists around it.
 */
function matchCosts(node: SchemaNode, times = 1): readonly number[] {
  const own = (node['x-kubernetes-validations'] ?? [])
    .filter(({ rule }) => rule.startsWith("self.matches(r'"))
    .map(({ rule }) => {
      const bytes = 4 * (node.maxLength ?? Number.POSITIVE_INFINITY)
      return times * Math.ceil((bytes + 1) * 0.1) * Math.ceil(rule.length * 0.25)
    })
  const inner = times * (node.items ? (node.maxItems ?? Number.POSITIVE_INFINITY) : 1)
  return [...own, ...childrenOf(node).flatMap((child) => matchCosts(child, inner))]
}

function aKind(): KindDefinition {
  const word = z.string().max(10).meta({ description: 'A word.' })
  return {
    kind: 'Thing',
    plural: 'things',
    singular: 'thing',
    shortNames: ['thg'],
    description: 'A thing.',
    spec: z.object({ word }).meta({ description: 'Wanted.' }),
    status: z.object({ word }).meta({ description: 'Seen.' }),
    columns: [{ name: 'WORD', path: '.spec.word' }],
    reliesOn: z.looseObject({}),
    people: 'view',
  }
}

async function readCrd({ plural }: { readonly plural: string }): Promise<Crd> {
  const path = new URL(`../../crds/${plural}.guildhall.dev.yaml`, import.meta.url)
  const crd: Crd = parse(await readFile(path, 'utf8'))
  return crd
}
