import { z } from 'zod'

/** A regular expression, without slashes; matched without regard to case, over several lines. */
export const pattern = z.string().transform((source, context) => {
  try {
    return new RegExp(source, 'im')
  } catch (error) {
    context.addIssue(`is no regular expression: ${String(error)}`)
    return z.NEVER
  }
})
