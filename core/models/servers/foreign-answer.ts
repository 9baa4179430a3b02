// Answers of other programs at the address of a model server: a page of a proxy, a login, a wrong
// port.
import { printedLine } from '../../api/plain-text.ts'

/**
 * An answer that no model server gives. The message is a sentence that names the address, without
 * markup.
 */
export class ForeignAnswerError extends Error {
  override readonly name = 'ForeignAnswerError'
  readonly status: number
  /** How long the program that answered asked to be left alone. */
  readonly retryAfterMs: number | undefined

  constructor(
    { endpoint, expected, status }: ExpectedServer & { readonly status: number },
    what: string,
    retryAfterMs?: number,
  ) {
    super(
      `${endpoint} answered ${status} with ${what}, so it is not ${expected}: ${causeOf(status)}`,
    )
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

/** The address that was asked, and the server that should be there. */
export interface ExpectedServer {
  readonly endpoint: string
  /** In words that fit after `not`: `Ollama`. */
  readonly expected: string
}

/** Bytes of an answer that are read to name its kind. */
const beginningBytes = 2048

function causeOf(status: number): string {
  if (status === 401 || status === 403 || status === 407)
    return 'something before it wants a login. Check the address'
  if (status === 502 || status === 503 || status === 504)
    return 'a proxy answers in its place. Check the address, and whether the server behind it runs'
  return 'another program or a proxy answers there. Check the address'
}

/**
 * Names the kind of a text, in words that fit after `with`. Of markup only the title of a page is
 * shown.
 */
export function kindOfAnswer(text: string): string {
  const beginning = text.replace(/^[\s\uFEFF]+/, '')
  if (beginning === '') return 'nothing in it'
  if (isPage(beginning)) {
    const title = /<title[^>]*>([^<]*)/i.exec(beginning)?.[1] ?? ''
    const words = printedLine(title, 80)
    return words === '' ? 'a page of HTML' : `a page of HTML (“${words}”)`
  }
  if (beginning.startsWith('<')) return 'a document in XML'
  if (/^[[{"]/.test(beginning)) return 'JSON that says nothing about models'
  const words = printedLine(beginning, 80)
  return /[\uFFFD\0]/.test(beginning) || words === ''
    ? 'something that is not text'
    : `the text “${words}”`
}

function isPage(text: string): boolean {
  return /^(?:<!--[\s\S]*?-->\s*|<\?xml[^>]*>\s*)*<(?:!doctype html|html|head|body|title|h1|center|p|div|script|meta)\b/i.test(
    text,
  )
}

/**
 * Passes an answer on as it comes. It fails with `problem` when `isOurs` does not take the
 * beginning, or when the answer ends without a word and does not even have the type of a model
 * server (`mayBeEmpty`): a model server that breaks off at once is not another program.
 * `isOurs` is called once, for the beginning without blanks.
 */
export function ownAnswer(
  isOurs: (beginning: string) => boolean,
  problem: (beginning: string) => Error,
  mayBeEmpty: boolean,
): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder()
  let beginning = ''
  let state: 'unknown' | 'ours' | 'foreign' = 'unknown'
  return new TransformStream({
    transform(chunk, controller) {
      if (state === 'ours') return controller.enqueue(chunk)
      beginning += decoder.decode(chunk, { stream: true })
      const text = beginning.trimStart()
      if (state === 'unknown' && text !== '') state = isOurs(text) ? 'ours' : 'foreign'
      // A little more of a foreign answer is read, to name its kind.
      if (state === 'foreign' && beginning.length >= beginningBytes) throw problem(beginning)
      if (state !== 'foreign') controller.enqueue(chunk)
    },
    flush() {
      if (state === 'foreign' || (state === 'unknown' && !mayBeEmpty)) throw problem(beginning)
    },
  })
}
