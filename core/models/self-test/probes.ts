// The three questions of the self-test, and the rules by which their answers are judged.
import { Script } from 'node:vm'
import type { FencedBlock } from '../../api/agent-protocol.ts'
import { inOneBlock, section } from '../../api/prompt-parts.ts'
import { type AnswerSchema, isRecord } from '../answers/schema.ts'
import type { Question } from '../question.ts'

/** The result of one probe. */
export interface ProbeResult {
  readonly passed: boolean
  /** At most 300 characters. */
  readonly sentence: string
}

/** Does it follow a schema? The question is trivial, so that the answer is right or the model did not read it. */
export const schemaProbe: Question & { readonly schema: AnswerSchema } = {
  purpose: 'self-test.schema',
  system: [
    'You answer questions with one JSON object.',
    'a_count: how many balls are in the box.',
    'b_more: the colour of which there are more balls, blue or red.',
  ].join('\n'),
  sections: [section('Request', 'There are 3 red balls and 2 blue balls in a box, nothing else.')],
  instruction: 'Answer with one JSON object only: {"a_count":0,"b_more":""}',
  schema: {
    type: 'object',
    required: ['a_count', 'b_more'],
    properties: {
      a_count: { type: 'integer', minimum: 0, maximum: 99 },
      b_more: { type: 'string', enum: ['blue', 'red'] },
    },
  },
  maxTokens: 60,
}

/** Judges the answer to `schemaProbe`. */
export function judgeCount(value: unknown): ProbeResult {
  if (isRecord(value) && value['a_count'] === 5 && value['b_more'] === 'red') {
    return { passed: true, sentence: 'it followed a form and answered a simple question' }
  }
  return failed(
    `it did not answer a simple question right (3 red and 2 blue balls came to ${JSON.stringify(value)})`,
  )
}

const file = 'src/clamp.js'

/** Does it write a file? */
export const fenceProbe: Question = {
  purpose: 'self-test.fence',
  system:
    'You are a programmer. You write one small JavaScript module, complete and without explanations.',
  sections: [
    section(
      'Request',
      `Write ${file}. It exports one function clamp(value, low, high), which returns value, or low when value is below low, or high when value is above high.`,
    ),
  ],
  instruction: `Answer with the complete text of ${file} ${inOneBlock('js')} No explanation.`,
  maxTokens: 120,
}

/**
 * Judges the answer to `fenceProbe` as leniently as the agents do: the block named after the file
 * counts, else the longest.
 * The code is parsed and never run.
 */
export function judgeFile(blocks: readonly FencedBlock[]): ProbeResult {
  const code =
    blocks.findLast(({ path }) => path?.endsWith('clamp.js')) ??
    blocks.toSorted((one, other) => other.text.length - one.text.length)[0]
  if (code === undefined)
    return failed('it did not put the file that it was asked for into a fenced block')
  const problem = syntaxProblem(code.text)
  if (problem !== undefined)
    return failed(`it wrote a file that is not valid JavaScript (${problem})`)
  if (!/\bfunction\s+clamp\s*\(|\bclamp\s*[=:]/.test(code.text)) {
    return failed('it wrote a file without the function that it was asked for')
  }
  return { passed: true, sentence: 'it wrote a small file in the form that was asked for' }
}

function syntaxProblem(code: string): string | undefined {
  try {
    // A script must not have exports; nothing else differs in so small a module.
    void new Script(code.replace(/^\s*export\s+(?:default\s+)?(?:\{[^}]*\};?)?/gm, ''))
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const word = 'marzipan'

/**
 * Does it keep its context? The end of a text of about `tokens` asks for a word from its beginning.
 */
interface ContextProbe extends Question {
  readonly tokens: number
}

/** A quarter of the context window, and no more than a model on a CPU reads in about a minute. */
export function contextProbe(contextTokens: number): ContextProbe {
  const tokens = Math.min(Math.floor(contextTokens / 4), 1200)
  return {
    tokens,
    purpose: 'self-test.context',
    system: 'You read a text and answer one question about it.',
    sections: [
      section('Request', `The word to remember is ${word}. You are asked for it at the end.`),
      section('Inventory', filler(tokens)),
    ],
    instruction:
      'Which word were you told to remember at the beginning? Answer with that one word only.',
    maxTokens: 20,
  }
}

/** Judges the answer to a `contextProbe`. */
export function judgeMemory(answer: string, { tokens }: ContextProbe): ProbeResult {
  const text = `a text of about ${tokens} tokens`
  return answer.toLowerCase().includes(word)
    ? { passed: true, sentence: `it remembered the beginning of ${text}` }
    : failed(`it had lost the beginning of ${text} at its end`)
}

const colours = ['green', 'grey', 'brown', 'white', 'yellow']
const things = ['chair', 'lamp', 'ladder', 'basket', 'bucket', 'carpet', 'mirror']
const places = [
  'stands by the window',
  'belongs to the kitchen',
  'is kept in the cellar',
  'was left near the door',
  'waits in the hall',
  'came with the house',
]

/** Sentences that differ, because repetition alone throws small models off; English has about 4 characters a token. */
function filler(tokens: number): string {
  const sentences: string[] = []
  for (let n = 0, length = 0; length < tokens * 4; n++) {
    const sentence = `The ${colours[n % 5]} ${things[n % 7]} ${places[n % 6]}.`
    sentences.push(sentence)
    length += sentence.length + 1
  }
  return sentences.join(' ')
}

/** A finding that speaks against the model. */
export function failed(sentence: string): ProbeResult {
  return { passed: false, sentence: sentence.slice(0, 300) }
}
