import type { z } from 'zod'

/** What is wrong with the spec of an object, in a line that names each field; undefined when nothing is. */
export function specProblem(checked: z.ZodSafeParseResult<unknown>): string | undefined {
  return checked.error?.issues
    .map((issue) => `spec.${issue.path.join('.')}: ${issue.message}`)
    .join('; ')
}
