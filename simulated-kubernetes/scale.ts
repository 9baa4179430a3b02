import type { Draft } from './request.ts'
import { type Fields, isFields } from './json.ts'
import type { ServedKind, ScalePaths } from './kind.ts'
import { readMetadata, type StoredObject } from './metadata.ts'
import { badRequest, type FieldProblem, invalidValue, Refusal } from './refusal.ts'

/**
 * An object as `autoscaling/v1` Scale. Errors: 500 where the object says no number, as the real
 * server answers.
 */
export function scaleOf(kind: ServedKind, object: StoredObject): Fields {
  const paths = pathsOf(kind)
  if (at(object, paths.specReplicasPath) === undefined) {
    const why = `the spec replicas field "${paths.specReplicasPath}" does not exist`
    throw new Refusal(500, 'InternalError', `Internal error occurred: ${why}`, {
      causes: [{ message: why }],
    })
  }
  return scaleIn(paths, object)
}

function scaleIn(paths: ScalePaths, object: StoredObject): Fields {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const selector = paths.labelSelectorPath && at(object, paths.labelSelectorPath)
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: at(object, paths.specReplicasPath) },
    status: {
      replicas: at(object, paths.statusReplicasPath) ?? 0,
      ...(selector ? { selector } : {}),
    },
  }
}

/**
 * The object after a change of its Scale. `change` gets the present Scale and returns the new one.
 */
export function scaled(
  kind: ServedKind,
  object: StoredObject,
  change: (scale: Fields) => unknown,
): Draft {
  const paths = pathsOf(kind)
  const next = change(scaleIn(paths, object))
  if (!isFields(next)) throw badRequest('the object provided is unrecognized')
  const spec = isFields(next['spec']) ? next['spec'] : {}
  const replicas = spec['replicas'] ?? 0
  if (typeof replicas !== 'number') throw badRequest('spec.replicas: cannot unmarshal into int32')
  const { uid, resourceVersion } = readMetadata(next)
  return {
    fields: put(object, paths.specReplicasPath, replicas),
    metadata: {
      ...object.metadata,
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
  }
}

/** Problems with the numbers that the Scale shows. */
export function scaleProblems(
  { scale }: ServedKind,
  object: StoredObject,
): readonly FieldProblem[] {
  if (scale === undefined) return []
  return [scale.specReplicasPath, scale.statusReplicasPath].flatMap((path) => {
    const wrong = wrongAt(object, path)
    if (wrong !== undefined) {
      return [invalidValue(path, 0, `${path} accessor error: ${wrong}`)]
    }
    const value = at(object, path)
    if (typeof value !== 'number') return []
    if (value < 0) return [invalidValue(path, value, 'should be a non-negative integer')]
    return value > maxInt32
      ? [invalidValue(path, value, `should be less than or equal to ${maxInt32}`)]
      : []
  })
}

const maxInt32 = 2_147_483_647

/** Why there can be no number at a path, in the words of Go. */
function wrongAt(object: Fields, path: string): string | undefined {
  const goTypes: Readonly<Record<string, string>> = { boolean: 'bool', string: 'string' }
  const typeOf = (value: unknown): string =>
    Array.isArray(value)
      ? '[]interface {}'
      : typeof value === 'number'
        ? Number.isInteger(value)
          ? 'int64'
          : 'float64'
        : isFields(value)
          ? 'map[string]interface {}'
          : (goTypes[typeof value] ?? '<nil>')
  const told = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
  let value: unknown = object
  for (const part of partsOf(path)) {
    if (value === undefined || value === null) return undefined
    if (!isFields(value)) {
      return `${told(value)} is of the type ${typeOf(value)}, expected map[string]interface{}`
    }
    value = value[part]
  }
  if (value === undefined || Number.isInteger(value)) return undefined
  return `${told(value)} is of the type ${typeOf(value)}, expected int64`
}

function pathsOf({ scale }: ServedKind): ScalePaths {
  if (scale === undefined) throw new TypeError('the kind has no scale')
  return scale
}

const partsOf = (path: string): readonly string[] => path.replace(/^\./, '').split('.')

function at(object: Fields, path: string): unknown {
  let value: unknown = object
  for (const part of partsOf(path)) value = isFields(value) ? value[part] : undefined
  return value
}

function put(object: Fields, path: string, value: unknown): Fields {
  const [part = '', ...rest] = partsOf(path)
  const below = object[part]
  const next = rest.length === 0 ? value : put(isFields(below) ? below : {}, rest.join('.'), value)
  return { ...object, [part]: next }
}
