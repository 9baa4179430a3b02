import type { SchemaSource } from './schema.ts'

const text: SchemaSource = { type: 'string' }
const texts: SchemaSource = { type: 'object', additionalProperties: text }

/** `ObjectMeta`, for who owns which part of it; it is read and checked in metadata.ts. */
export const metadataSchema: SchemaSource = {
  type: 'object',
  isOpaque: true,
  properties: {
    name: text,
    generateName: text,
    namespace: text,
    uid: text,
    resourceVersion: text,
    generation: { type: 'integer' },
    creationTimestamp: text,
    deletionTimestamp: text,
    deletionGracePeriodSeconds: { type: 'integer' },
    labels: texts,
    annotations: texts,
    finalizers: { type: 'array', 'x-kubernetes-list-type': 'set', items: text },
    ownerReferences: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
      items: {
        type: 'object',
        'x-kubernetes-map-type': 'atomic',
        properties: {
          apiVersion: text,
          kind: text,
          name: text,
          uid: text,
          controller: { type: 'boolean' },
          blockOwnerDeletion: { type: 'boolean' },
        },
      },
    },
    managedFields: { type: 'array', items: { type: 'object' } },
  },
}
