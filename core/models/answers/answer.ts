// Reads answers. An answer of `decide` holds one JSON object, which small models wrap and misspell
// in many ways.
import { parse } from 'yaml'
import type { FencedBlock } from '../../api/agent-protocol.ts'
import { withoutThinking } from '../../api/thoughts.ts'
import { ModelError } from '../errors.ts'
import type { ChatAnswer } from '../servers/chat.ts'
import { extractBlocks } from './blocks.ts'
import { type AnswerSchema, fitValue, isRecord, isSchemaEcho, validateValue } from './schema.ts'

/**
 * The content of an answer: for `write` its blocks, for `decide` the object that follows the
 * schema.
 * Throws `OutputUnusable` with the raw text for an answer that was cut, because half a file looks
 * like a file, and for one that holds no such object.
 */
export function answerOf(
  question: {
    readonly verb: 'decide' | 'write'
    readonly schema?: AnswerSchema | undefined
  },
  answer: Pick<ChatAnswer, 'text' | 'cut'> & Partial<Pick<ChatAnswer, 'thoughtChars'>>,
  maxTokens: number,
): { readonly blocks: FencedBlock[]; readonly value: unknown } {
  const { text, thoughtChars = 0 } = answer
  // Thoughts come apart from the text, or in it.
  const thought = thoughtChars > 0 || text.trim() !== ''
  const isEmpty = withoutThinking(text).trim() === ''
  if (answer.cut) {
    throw new ModelError(
      'OutputUnusable',
      isEmpty && thought
        ? `the model thought for ${maxTokens} tokens and was cut off before it began its answer; ${lessThought}`
        : `the answer was longer than ${maxTokens} tokens and was cut off`,
      { text },
    )
  }
  if (isEmpty) {
    throw new ModelError(
      'OutputUnusable',
      thought
        ? `the answer was empty: the model only thought, and wrote nothing after its thoughts; ${lessThought}`
        : 'the answer was empty',
      { text },
    )
  }
  if (question.verb === 'write') return { blocks: extractBlocks(text), value: undefined }
  const schema = question.schema ?? {}
  const found = extractObject(text, (candidate) => {
    const value = fitValue(schema, candidate)
    return { value, problems: validateValue(schema, value) }
  })
  if (found === undefined) {
    throw new ModelError('OutputUnusable', 'the answer holds no JSON object', { text })
  }
  if (found.problems.length > 0) {
    const problems = found.problems.slice(0, 3).join('; ')
    throw new ModelError('OutputUnusable', `the answer does not fit: ${problems}`, { text })
  }
  return { blocks: [], value: found.value }
}

const lessThought =
  'use a model that does not think, or switch its thinking off at the model server'

/** Where the object was found, from good to bad. */
type JsonPlace = 'whole' | 'fence' | 'prose' | 'unclosed'

/** A candidate after `fitValue`, and its problems. */
interface ReadObject {
  readonly value: unknown
  readonly problems: readonly string[]
}

/**
 * The object in an answer: the whole answer, else a fenced block, else the first balanced object in
 * the prose, else one that lacks its last brackets; as JSON, else as the JSON that people write. An
 * object that holds the answer under a name of its own (`{"plan": …}`) is opened.
 * `read` gives the problems of a candidate; the first candidate without problems wins, else the
 * first one is given back with its problems. The schema itself never counts as an answer. Undefined
 * when the answer holds no object.
 */
export function extractObject(
  answer: string,
  read: (value: unknown) => ReadObject,
): (ReadObject & { readonly place: JsonPlace }) | undefined {
  const text = withoutThinking(answer)
  let best: ReturnType<typeof extractObject>
  for (const [place, candidate] of objectTexts(text)) {
    const outer = parseObject(candidate)
    if (outer === undefined) continue
    for (const value of [outer, ...Object.values(outer).filter(isRecord)]) {
      const found = isSchemaEcho(value)
        ? { value, problems: ['it is the schema, not an answer'] }
        : read(value)
      if (found.problems.length === 0) return { ...found, place }
      best ??= { ...found, place }
    }
  }
  return best
}

function* objectTexts(text: string): Generator<[JsonPlace, string]> {
  yield ['whole', text.trim()]
  for (const block of extractBlocks(text)) yield ['fence', block.text.trim()]
  let from = 0
  for (let found = 0; found < 8; found++) {
    const start = text.indexOf('{', from)
    if (start === -1) break
    const end = balancedEnd(text, start)
    if (end === undefined) from = start + 1
    else {
      yield ['prose', text.slice(start, end)]
      from = end
    }
  }
  const open = text.indexOf('{')
  const missing = open === -1 ? '' : missingEnd(text.slice(open))
  // A half answer lacks keys that the schema wants, so only whole ones pass after this.
  if (missing !== '')
    yield [
      'unclosed',
      text
        .slice(open)
        .trimEnd()
        .replace(/(?<!`)`+$/, '') + missing,
    ]
}

function balancedEnd(text: string, start: number): number | undefined {
  let depth = 0
  for (const [index, char] of outsideStrings(text, start)) {
    if (char === '{') depth++
    else if (char === '}' && --depth === 0) return index + 1
  }
  return undefined
}

/**
 * The closing brackets that an object lacks at its end; empty when it ends inside a string or is
 * closed wrongly.
 */
function missingEnd(text: string): string {
  const open: string[] = []
  let quotes = 0
  for (const [, char] of outsideStrings(text, 0)) {
    if (char === '{') open.push('}')
    else if (char === '[') open.push(']')
    else if (char === '"') quotes++
    else if ((char === '}' || char === ']') && open.pop() !== char) return ''
  }
  return quotes % 2 === 0 ? open.toReversed().join('') : ''
}

/** The characters that stand outside of strings, and the quotes themselves. */
function* outsideStrings(text: string, start: number): Generator<[number, string]> {
  let quoted = false
  for (let index = start; index < text.length; index++) {
    const char = text[index] ?? ''
    if (quoted && char === '\\') index++
    else if (char === '"') {
      quoted = !quoted
      yield [index, char]
    } else if (!quoted) yield [index, char]
  }
}

const longestLenient = 20_000
/**
 * Deeper than any of our schemas. The YAML parser takes twice as long for each brace in a brace.
 */
const deepestLenient = 10

/**
 * JSON, else YAML for a text that begins like an object: its flow style takes the mistakes of small
 * models, which are single quotes, names without quotes, commas at the end, True and False. Aliases
 * and double keys are refused.
 */
function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : undefined
  } catch {
    const tooMuch = text.length > longestLenient || depthOf(text) > deepestLenient
    if (!text.startsWith('{') || tooMuch) return undefined
  }
  try {
    const plain = withoutComments(text.replaceAll('\\_', '_'))
    const value: unknown = parse(plain, { maxAliasCount: 0, logLevel: 'error' })
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * The text without comments at the ends of lines. Two slashes begin one when they begin a word and
 * no quote follows.
 */
function withoutComments(text: string): string {
  return text
    .split('\n')
    .map((line) => {
      const from = line.lastIndexOf('"') + 1
      const comment = line.slice(from).search(/(?<![^\s,{[])\/\//)
      const at = from + comment
      // Directly behind a quote, the slashes belong to the quoted text.
      return comment === -1 || (at > 0 && !/[\s,{[]/.test(line[at - 1] ?? ''))
        ? line
        : line.slice(0, at)
    })
    .join('\n')
}

/** How deep brackets are nested; brackets in strings count too. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  for (const char of text) {
    if (char === '{' || char === '[') deepest = Math.max(deepest, ++depth)
    else if (char === '}' || char === ']') depth--
  }
  return deepest
}
