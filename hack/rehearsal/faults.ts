import { z } from 'zod'

/** What can go wrong with a model server; each was seen in the wild (design/harness.md, the rehearsal model). */
export const faultKinds = [
  /** 503 before anything else. */
  '503',
  /** 500, as when the model's process died. */
  '500',
  /** 400, the prompt is too long. */
  '400',
  /** The connection is cut in the middle of the answer. */
  'reset',
  /** The answer ends without the line that says it is done. */
  'no-done',
  /** An error line in the middle of the answer, status 200. */
  'error-midstream',
  /** Blanks without end. */
  'whitespace',
  /** The same words without end. */
  'repeat',
  /** The answer is cut at its longest. */
  'length',
  /** Nothing for a while before the first byte. */
  'delay',
  /** Nothing for a while in the middle. */
  'stall',
  /** The schema is given back instead of an answer. */
  'schema-echo',
  /** The answer stands in a fence, with words around it. */
  'chatty',
] as const

/** A fault to inject. */
export const fault = z.strictObject({
  kind: z.enum(faultKinds),
  /** How often. */
  times: z.int().min(1).default(1),
  /** Only into questions that contain this text. */
  match: z.string().default(''),
  /** For `delay` and `stall`, in milliseconds. */
  ms: z.int().min(0).default(1000),
})
export type Fault = z.infer<typeof fault>

/** The faults that wait for a question. */
export interface Faults {
  add(fault: Fault): void
  /** Takes the first that fits, once. */
  take(question: string): Fault | undefined
  clear(): void
}

/** Makes an empty list. */
export function createFaults(): Faults {
  let waiting: Fault[] = []
  return {
    add: (added) => void waiting.push({ ...added }),
    take(question) {
      const found = waiting.find((candidate) => question.includes(candidate.match))
      if (found === undefined) return undefined
      found.times--
      waiting = waiting.filter((candidate) => candidate.times > 0)
      return { ...found }
    },
    clear() {
      waiting = []
    },
  }
}
