// Stores the audit in ConfigMaps `guildhall-audit-000001…`; each holds a piece of one chain.
import { z } from 'zod'
import { annotations, configMaps as auditNames, labels } from '../../core/api/names.ts'
import type { KubeClient } from '../../core/kube/client.ts'
import { type ConfigMap, configMaps } from '../../core/kube/built-in-kinds.ts'
import { isNotFound } from '../../core/kube/errors.ts'
import { keyOfLine } from './chain.ts'

const recordsKey = 'records.jsonl'
const component = 'audit'
/** Size at which a segment is closed for good. Each flush writes the whole segment, so small segments keep a flush cheap. */
const segmentBytes = 32 * 1024

const kindPosition = z.object({
  /** Every transition in an object of this version or an older one is in the log. */
  complete: z.string(),
  /** No transition in an object of a newer version is in the log. */
  reached: z.string(),
  /** `reached` at the beginning of the segment: later transitions are not in earlier segments. */
  from: z.string(),
})
/** How far the log is with the objects of one kind, as resourceVersions. */
type KindPosition = z.infer<typeof kindPosition>
const position = z.record(z.string(), kindPosition)
/** How far the log is, by kind. It is written together with the records that it describes. */
export type Position = Readonly<Record<string, KindPosition>>

export interface Segment {
  readonly number: number
  readonly map: ConfigMap | undefined
  readonly lines: readonly string[]
  /** The identities of its records; see `keyOfRecord`. */
  readonly keys: ReadonlySet<string>
  readonly position: Position
}

interface Place {
  readonly client: Pick<KubeClient, 'get' | 'list' | 'create' | 'update'>
  readonly namespace: string
}

/**
 * The open segment, or an empty first one. Only the open segment is read.
 * Caveat: a log without an open segment (written by the first version, or by a process that died between closing one
 * segment and opening the next) is read whole, once.
 */
export async function openSegment(place: Place, signal: AbortSignal): Promise<Segment> {
  const all = `${labels.component}=${component}`
  const found = async (labelSelector: string): Promise<ConfigMap | undefined> => {
    const { items } = await place.client.list(configMaps, {
      namespace: place.namespace,
      labelSelector,
      signal,
    })
    return items.toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name)).at(-1)
  }
  const last = (await found(`${all},${labels.auditSegment}=open`)) ?? (await found(all))
  return last === undefined ? begin(1, {}) : segmentOf(last)
}

/** One segment by number; undefined when it was deleted. */
export async function readSegment(
  { client, namespace }: Place,
  number: number,
  signal: AbortSignal,
): Promise<Segment | undefined> {
  try {
    const name = auditNames.audit(number)
    return segmentOf(await client.get(configMaps, { namespace, name, signal }))
  } catch (error) {
    if (!isNotFound(error)) throw error
    return undefined
  }
}

/**
 * Appends records to `segment`, on the version that was read; to the next segment when it is full.
 * Errors: a conflict when another process wrote meanwhile; then nothing was written.
 */
export async function appendTo(
  place: Place,
  segment: Segment,
  fresh: readonly string[],
  reached: Position,
  signal: AbortSignal,
): Promise<Segment> {
  const { map } = segment
  const size = segment.lines.reduce((sum, line) => sum + line.length + 1, 0)
  if (map !== undefined && (map.immutable === true || size >= segmentBytes)) {
    if (map.immutable !== true)
      await place.client.update(
        configMaps,
        { ...map, metadata: marked(map.metadata, 'closed'), immutable: true },
        { signal },
      )
    return appendTo(place, begin(segment.number + 1, segment.position), fresh, reached, signal)
  }
  const lines = [...segment.lines, ...fresh]
  const next = Object.fromEntries(
    Object.entries(reached).map(([kind, at]) => [
      kind,
      { ...at, from: segment.position[kind]?.from ?? '' },
    ]),
  )
  const data = { [recordsKey]: lines.map((line) => `${line}\n`).join('') }
  const written =
    map === undefined
      ? await place.client.create(
          configMaps,
          {
            metadata: marked(
              { name: auditNames.audit(segment.number), namespace: place.namespace },
              'open',
              next,
            ),
            data,
          },
          { signal },
        )
      : await place.client.update(
          configMaps,
          { ...map, metadata: marked(map.metadata, 'open', next), data },
          { signal },
        )
  const keys = new Set(segment.keys)
  for (const line of fresh) keys.add(keyOfLine(line))
  return { number: segment.number, map: written, lines, keys, position: next }
}

function begin(number: number, before: Position): Segment {
  const position = Object.fromEntries(
    Object.entries(before).map(([kind, at]) => [kind, { ...at, from: at.reached }]),
  )
  return { number, map: undefined, lines: [], keys: new Set(), position }
}

function segmentOf(map: ConfigMap): Segment {
  const lines = (map.data?.[recordsKey] ?? '').split('\n').filter((line) => line !== '')
  return {
    number: Number(map.metadata.name.slice(-6)),
    map,
    lines,
    keys: new Set(lines.map(keyOfLine)),
    position: positionOf(map.metadata.annotations?.[annotations.auditPosition]),
  }
}

/** A malformed position makes the log read more; it never makes it write less. */
function positionOf(text: string | undefined): Position {
  try {
    return position.parse(JSON.parse(text ?? '{}'))
  } catch {
    return {}
  }
}

function marked(
  metadata: ConfigMap['metadata'],
  state: 'open' | 'closed',
  position?: Position,
): ConfigMap['metadata'] {
  return {
    ...metadata,
    labels: {
      ...metadata.labels,
      [labels.component]: component,
      [labels.name]: 'guildhall',
      [labels.auditSegment]: state,
    },
    annotations: {
      ...metadata.annotations,
      ...(position === undefined ? {} : { [annotations.auditPosition]: JSON.stringify(position) }),
    },
  }
}
