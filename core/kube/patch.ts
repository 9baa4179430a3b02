/** One operation of an RFC 6902 JSON patch. */
export type PatchOperation =
  | { readonly op: 'test' | 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }

/** An RFC 6901 pointer from its parts: `pointer('metadata', 'annotations', 'a/b')` is `/metadata/annotations/a~1b`. */
export function pointer(...parts: readonly (string | number)[]): string {
  return parts
    .map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('')
}

/** A patch that fails as a whole (422) unless every named value still is what the caller saw. */
export function guarded(
  tests: Readonly<Record<string, unknown>>,
  operations: readonly PatchOperation[],
): readonly PatchOperation[] {
  const guards = Object.entries(tests).map(
    ([path, value]) => ({ op: 'test', path, value }) as const,
  )
  return [...guards, ...operations]
}
