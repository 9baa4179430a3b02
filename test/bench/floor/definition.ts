// The object of the floor: one small custom resource for each task, with a schema and a status,
// about 1.6 KB as stored.

export const floorGroup = 'bench.guildhall.dev'
export const floorVersion = 'v1'
const floorPlural = 'floortasks'

/** Path of the collection in a namespace. */
export function floorPath(namespace: string): string {
  return `/apis/${floorGroup}/${floorVersion}/namespaces/${namespace}/${floorPlural}`
}

const text = { type: 'string', maxLength: 1024 }

/** The CRD, as small as a schema that checks every field can be. */
export const floorDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${floorPlural}.${floorGroup}` },
  spec: {
    group: floorGroup,
    scope: 'Namespaced',
    names: {
      kind: 'FloorTask',
      plural: floorPlural,
      singular: 'floortask',
      listKind: 'FloorTaskList',
    },
    versions: [
      {
        name: floorVersion,
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: { type: 'object', properties: { goal: text, after: text } },
              status: {
                type: 'object',
                properties: {
                  phase: text,
                  holder: text,
                  attempt: { type: 'integer' },
                  result: text,
                },
              },
            },
          },
        },
      },
    ],
  },
}

/** A new task. The goal makes it as large as the figures of the promises ask. */
export function floorTask(name: string): object {
  return {
    apiVersion: `${floorGroup}/${floorVersion}`,
    kind: 'FloorTask',
    metadata: { name },
    spec: { goal: 'g'.repeat(goalLength) },
  }
}

const goalLength = 740

/** The status of a task that is held, and of one that is over. */
export const floorStatus = {
  running: { phase: 'Running', holder: 'agent-1', attempt: 1 },
  finished: { phase: 'Succeeded', holder: 'agent-1', attempt: 1, result: 'r'.repeat(100) },
} as const
