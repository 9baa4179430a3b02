import type { AnswerFaultKind, Strike } from './faults.ts'
import { Refusal } from './wire.ts'

/** Ollama's words for a prompt that does not fit when the client forbade to shorten it. */
export const tooLong = 'the input length exceeds the context length'

/** What a fault is refused with, in Ollama's words; undefined for one that is no refusal. */
export function refusalOf(
  strike: Strike | undefined,
  asked: { readonly model: string; readonly format: unknown },
): Refusal | undefined {
  const found = strike === undefined ? undefined : statuses[strike.kind]
  if (strike === undefined || found === undefined) return undefined
  if (strike.kind === 'schema-refused' && typeof asked.format !== 'object') return undefined
  const headers: Record<string, string> =
    strike.kind === '429' ? { 'retry-after': String(Math.ceil(strike.ms / 1000)) } : {}
  return new Refusal(found.status, found.words(asked.model), headers)
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
