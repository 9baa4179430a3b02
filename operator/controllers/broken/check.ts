import type { Kind } from '../../../core/api/kinds.ts'

/** Says in a sentence what the controllers rely on and an object of this kind lacks; undefined when it can be worked on. */
export function checkOf<T>({ reliesOn }: Kind<T>): (object: T) => string | undefined {
  return (object) => {
    const { success, error } = reliesOn.safeParse(object)
    if (success) return undefined
    const said = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    return said.join('; ').slice(0, 500)
  }
}
