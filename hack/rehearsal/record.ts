import { z } from 'zod'

/** One question as it came in, and what was done with it; `GET /rehearsal/records`. */
export const rehearsalRecord = z.object({
  model: z.string(),
  system: z.string(),
  user: z.string(),
  format: z.unknown().optional(),
  options: z.record(z.string(), z.unknown()),
  truncate: z.unknown().optional(),
  shift: z.unknown().optional(),
  keepAlive: z.unknown().optional(),
  think: z.unknown().optional(),
  fault: z.string().optional(),
  answered: z.enum(['script', 'no script', 'fault']),
  /** False while it is answered, and when the client went away or a fault cut it. */
  finished: z.boolean(),
})
export type RehearsalRecord = z.infer<typeof rehearsalRecord>
