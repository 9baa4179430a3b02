// The problems of a value in words for people. Zod's own messages ("Too small: expected string to
// have >=1 characters") are for programmers. `schema.ts` makes zod use these words, unless a schema
// has a message of its own.
import { z } from 'zod'
import { counted } from './plain-text.ts'

type RawIssue = Parameters<z.core.$ZodErrorMap>[0]

const kinds: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object with fields',
  record: 'an object with fields',
  null: 'null',
}

/** A predicate about the value: "is empty", "has more than 200 characters". */
export function inWords(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? 'is missing'
        : `has to be ${kinds[issue.expected] ?? issue.expected}, and is ${shown(issue.input)}`
    case 'too_small':
      return tooSmall(issue)
    case 'too_big':
      return issue.origin === 'number' || issue.origin === 'int'
        ? `is ${shown(issue.input)}, and may be ${String(issue.maximum)} at most`
        : `has more than ${amount(issue.maximum, issue.origin)}`
    case 'invalid_value':
      return issue.input === undefined
        ? 'is missing'
        : `has to be ${issue.values.map((value) => String(value)).join(' or ')}, and is ${shown(issue.input)}`
    case 'unrecognized_keys':
      return `has the ${issue.keys.length === 1 ? 'field' : 'fields'} ${issue.keys.join(', ')}, which ${issue.keys.length === 1 ? 'is' : 'are'} not known`
    case 'invalid_format':
      return issue.format === 'url'
        ? `has to be an address, as in http://host:port, and is ${shown(issue.input)}`
        : `is ${shown(issue.input)}, which cannot be used`
    case 'not_multiple_of':
      return `has to be a multiple of ${String(issue.divisor)}, and is ${shown(issue.input)}`
    case 'invalid_key':
      return 'has a field whose name cannot be used'
    case 'invalid_union':
    case 'invalid_element':
      return `is ${shown(issue.input)}, which cannot be used`
    default:
      return undefined
  }
}

function tooSmall(issue: Extract<RawIssue, { code: 'too_small' }>): string {
  const { minimum, origin, input } = issue
  if (origin === 'number' || origin === 'int')
    return `is ${shown(input)}, and has to be ${String(minimum)} at least`
  if (Number(minimum) === 1) return 'is empty'
  return `has fewer than ${amount(minimum, origin)}`
}

function amount(count: number | bigint, origin: string): string {
  return origin === 'string'
    ? counted(Number(count), 'character')
    : counted(Number(count), 'entry', 'entries')
}

/** A value, short enough for a sentence. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (value === null) return 'null'
  if (typeof value === 'object') return 'an object'
  if (typeof value === 'number') return Number.isNaN(value) ? 'no number' : String(value)
  const text = JSON.stringify(value) ?? typeof value
  return text.length > 60 ? `${text.slice(0, 57)}…"` : text
}

/** Every issue with the path of its field, as a line. */
export function problemsOf(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '))
    .join('; ')
}

/** Reads the answer of a server. Throws a sentence that names the server and the field. */
export function answerAs<T>(schema: z.ZodType<T>, answer: unknown, server: string): T {
  const { success, data, error } = schema.safeParse(answer)
  if (success) return data
  throw new Error(`${server} answered with something else than expected: ${problemsOf(error)}`)
}
