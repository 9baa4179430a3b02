// Building blocks of the chart's values: strict objects whose every leaf has a default and a description.
import { z } from 'zod'

/** An object of the values whose keys all have defaults; unknown keys are refused. */
export const section = (description: string, shape: z.ZodRawShape) => {
  const object: z.ZodType = z.strictObject(shape)
  return object.prefault({}).meta({ description })
}

export const flag = (value: boolean, description: string) =>
  z.boolean().default(value).meta({ description })

export const text = (value: string, description: string) =>
  z.string().default(value).meta({ description })

export const whole = (value: number, min: number, max: number, description: string) =>
  z.int32().min(min).max(max).default(value).meta({ description })

export const choice = <const T extends readonly [string, ...string[]]>(
  values: T,
  value: T[number],
  description: string,
) => z.enum(values).default(value).meta({ description })

/** An amount as Kubernetes writes it. */
export const quantity = (value: string, description: string) =>
  z
    .string()
    .regex(/^[0-9]+(\.[0-9]+)?(m|[kMGTP]i?)?$/)
    .default(value)
    .meta({ description })

/** An http(s) address without a path, or nothing. */
export const optionalUrl = (description: string) =>
  z
    .string()
    .regex(/^(https?:\/\/[^\s/@]+)?$/)
    .default('')
    .meta({ description })

/** Objects that go into manifests as they are; the API server checks them. */
export const passedList = (description: string) =>
  z.array(z.looseObject({})).default([]).meta({ description })

export const passedMap = (description: string) =>
  z.looseObject({}).default({}).meta({ description })

export const stringMap = (description: string) =>
  z.record(z.string(), z.string()).default({}).meta({ description })

/** An image: `registry/repository:tag@digest`. */
export const image = (
  what: string,
  { registry, repository, tag = '' }: { registry: string; repository: string; tag?: string },
) =>
  section(what, {
    registry: text(registry, 'Registry; global.imageRegistry overrides it.'),
    repository: text(repository, 'Repository in it.'),
    tag: text(tag, "Tag; the chart's appVersion when empty."),
    digest: z
      .string()
      .regex(/^(sha256:[0-9a-f]{64})?$/)
      .default('')
      .meta({ description: 'Digest, sha256:…; pins the image whatever the tag says.' }),
    pullPolicy: choice(['IfNotPresent', 'Always', 'Never'], 'IfNotPresent', 'When to pull it.'),
  })

const amounts = z.record(z.string(), z.union([z.string(), z.number()]))

/** Requests and limits of a container. */
export const resources = (
  requests: { cpu: string; memory: string },
  limits: { memory: string },
  description: string,
) =>
  z
    .strictObject({ requests: amounts.optional(), limits: amounts.optional() })
    .default({ requests, limits })
    .meta({ description })

/** A volume that outlives its Pod. */
export const persistence = (size: string, what: string) =>
  section(`The volume of ${what}.`, {
    enabled: flag(true, 'Keep it on a volume. When false it is lost with the Pod.'),
    size: quantity(size, 'Size of the volume.'),
    storageClass: text('', "StorageClass; the cluster's default when empty."),
    existingClaim: text('', 'Use this PersistentVolumeClaim instead of making one.'),
  })

/** Where Pods may run. */
export const placement = {
  nodeSelector: stringMap('Labels a node must have.'),
  tolerations: passedList('Taints to tolerate.'),
}
