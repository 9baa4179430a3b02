// What can go wrong with a model server, as data: the README's table is checked against it, and the
// tests go through it.
import { z } from 'zod'
import { OllamaRefusal } from './http.ts'

/** A regular expression, without slashes; matched without regard to case, over several lines. */
export const pattern = z.string().transform((source, context) => {
  try {
    return new RegExp(source, 'im')
  } catch (error) {
    context.addIssue(`is not a regular expression: ${String(error)}`)
    return z.NEVER
  }
})

/** What can go wrong with an answer, and what it does; each was seen in the wild. */
export const answerFaults = {
  '503': 'status 503, the server is busy',
  '500': 'status 500, the model runner stopped; the model is loaded again by the next call',
  '400': 'status 400, the prompt is too long',
  '404': 'status 404, the model is not there, try pulling it',
  '429': 'status 429 with Retry-After, as proxies send it; `ms` says when',
  'no-tools': 'status 400, the model does not support tools',
  'schema-refused': 'status 500, the schema cannot be used, when one was sent',
  'no-answer': 'the connection is reset before any byte of an answer',
  delay: 'no byte, not even headers, for `ms`',
  reset: 'the connection is cut in the middle of the answer',
  'no-done': 'the answer ends without the line that says it is done',
  'half-line': 'the answer ends within a line of JSON',
  'error-midstream': 'a line with an error in the middle of the answer, status 200',
  stall: 'nothing for `ms` in the middle of the answer',
  freeze: 'nothing more from the middle of the answer on, and the connection stays open',
  length: 'the answer is cut and says so (`done_reason: "length"`)',
  whitespace: 'blanks without end',
  repeat: 'the same words without end',
  'sorted-keys': 'the keys of JSON come in alphabetical order',
  'schema-echo': 'the schema is given back instead of an answer',
  fenced: 'the answer stands in a fence for JSON',
  prose: 'words before the answer',
  chatty: 'the answer stands in a fence, with words around it',
  'example-leak': 'the example of the prompt is given back instead of an answer',
  'tool-output': 'the output of a tool that nobody ran instead of an answer',
  'wrong-path': 'paths begin with path/to/',
  elided: 'code stops after a third with a comment that the rest is as before',
  'edited-tests': 'a test file that proves nothing comes along with the code',
  unload: 'the model left memory before the call and is loaded again',
} as const satisfies Readonly<Record<string, string>>

/** What can go wrong with a pull, and what it does. */
export const pullFaults = {
  'pull-cut': 'the connection is cut in the middle of a layer; what came stays',
  'pull-broken': 'the registry breaks off in the middle of a layer; what came stays',
  'pull-no-disk': 'the disk is full in the middle of a layer',
  'pull-unreachable': 'the registry cannot be reached',
  'pull-stall': 'no progress for `ms` in the middle of a layer',
  'pull-slow': 'each layer takes `ms`',
} as const satisfies Readonly<Record<string, string>>

export type AnswerFaultKind = keyof typeof answerFaults
export type PullFaultKind = keyof typeof pullFaults

const answerKinds = Object.keys(answerFaults) as AnswerFaultKind[]
const pullKinds = Object.keys(pullFaults) as PullFaultKind[]

const howOften = {
  /** How often. */
  times: z.int().min(1).default(1),
  /** How many questions that fit are spared first. */
  skip: z.int().min(0).default(0),
  /** For those that take time, in milliseconds. */
  ms: z.int().min(0).default(1000),
}

/** A fault of a rule in a script: it strikes the answers of that rule. */
export const ruleFault = z.strictObject({ kind: z.enum(answerKinds), ...howOften })

/** A fault to inject; `POST /rehearsal/faults`. */
export const fault = z.strictObject({
  kind: z.enum([...answerKinds, ...pullKinds]),
  ...howOften,
  /** Only into questions that contain this text. */
  match: z.string().default(''),
  /** Only into questions of this purpose, found as the `purpose` of a rule is. */
  purpose: pattern.optional(),
  /** Only into calls to this model, in full as it was asked for. */
  model: z.string().optional(),
})

/** A fault in the form in which it is sent. */
export type FaultInput = z.input<typeof fault>

/** A fault that strikes, and for how long where that counts. */
export interface Strike<Kind extends string = AnswerFaultKind> {
  readonly kind: Kind
  readonly ms: number
}

/** What a fault may be aimed at. */
interface Target {
  readonly model: string
  /** The whole question; empty for pulls. */
  readonly text: string
  /** Where its purpose is said; empty for pulls. */
  readonly purpose: string
}

/** The faults that wait to strike. */
export interface Faults {
  add(added: z.infer<typeof fault>): void
  /** Takes the first that fits an answer, once. */
  forAnswer(target: Target): Strike | undefined
  /** Takes the first that fits a pull, once. */
  forPull(model: string): Strike<PullFaultKind> | undefined
  clear(): void
}

/** Makes an empty list. */
export function createFaults(): Faults {
  let waiting: z.infer<typeof fault>[] = []

  function take<Kind extends string>(
    kindOf: (kind: string) => Kind | undefined,
    target: Target,
  ): Strike<Kind> | undefined {
    for (const candidate of waiting) {
      const kind = kindOf(candidate.kind)
      if (kind === undefined || !fits(candidate, target)) continue
      if (candidate.skip > 0) {
        candidate.skip--
        continue
      }
      candidate.times--
      waiting = waiting.filter(({ times }) => times > 0)
      return { kind, ms: candidate.ms }
    }
    return undefined
  }

  return {
    add: (added) => void waiting.push({ ...added }),
    forAnswer: (target) => take((kind) => answerKinds.find((one) => one === kind), target),
    forPull: (model) =>
      take((kind) => pullKinds.find((one) => one === kind), { model, text: '', purpose: '' }),
    clear() {
      waiting = []
    },
  }
}

function fits(candidate: z.infer<typeof fault>, target: Target): boolean {
  return (
    target.text.includes(candidate.match) &&
    (candidate.purpose?.test(target.purpose) ?? true) &&
    (candidate.model === undefined || candidate.model === target.model)
  )
}

/** Ollama's words for a prompt that does not fit when the client forbade to shorten it. */
export const tooLong = 'the input length exceeds the context length'

/** What a fault is refused with, in Ollama's words; undefined for a fault that is not a refusal. */
export function refusalOf(
  strike: Strike | undefined,
  asked: { readonly model: string; readonly format: unknown },
): OllamaRefusal | undefined {
  const found = strike === undefined ? undefined : statuses[strike.kind]
  if (strike === undefined || found === undefined) return undefined
  if (strike.kind === 'schema-refused' && typeof asked.format !== 'object') return undefined
  const headers: Record<string, string> =
    strike.kind === '429' ? { 'retry-after': String(Math.ceil(strike.ms / 1000)) } : {}
  return new OllamaRefusal(found.status, found.words(asked.model), headers)
}

const statuses: Readonly<
  Partial<
    Record<AnswerFaultKind, { readonly status: number; readonly words: (model: string) => string }>
  >
> = {
  '503': {
    status: 503,
    words: () => 'server busy, please try again.  maximum pending requests exceeded',
  },
  '500': {
    status: 500,
    words: () =>
      'model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama server logs for details',
  },
  '400': { status: 400, words: () => tooLong },
  '404': { status: 404, words: (model) => `model "${model}" not found, try pulling it first` },
  '429': { status: 429, words: () => 'too many requests' },
  'no-tools': { status: 400, words: (model) => `${model} does not support tools` },
  'schema-refused': { status: 500, words: () => 'invalid JSON schema in format' },
}
