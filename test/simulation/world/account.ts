// One run in words, for people who look at it.
import type { Logger } from '../../../core/base/logger.ts'
import type { Condition, KubeObject } from '../../../core/kube/resource.ts'
import type { SimulatedProcess } from './process.ts'

/** An object after a commit: version and conditions. */
export function describe(object: KubeObject, type: string): string {
  const { metadata, status } = object as KubeObject & {
    readonly status?: { readonly conditions?: readonly Condition[] }
  }
  const said = (status?.conditions ?? []).map(
    ({ type: name, status: is, reason }) => `${name}=${is}/${reason}`,
  )
  return `${type} ${metadata.name} @${metadata.resourceVersion ?? ''} ${said.join(' ')}`
}

/** The log of a process; without `say` nothing is put into words. */
export function loggerOf(
  process: SimulatedProcess,
  say: ((line: string) => void) | undefined,
): Logger {
  const line =
    (level: string) =>
    (fields: object, message: string): void => {
      if (process.state === 'dead') return
      const { err } = fields as { readonly err?: unknown }
      say?.(`${process.name} ${level} ${message}${err instanceof Error ? ` (${err.message})` : ''}`)
    }
  const nothing = (): void => undefined
  return say === undefined
    ? { debug: nothing, info: nothing, warn: nothing, error: nothing }
    : { debug: nothing, info: line('info'), warn: line('warn'), error: line('error') }
}
