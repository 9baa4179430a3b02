import { badRequest } from './refusal.ts'

/** Whether an object is meant, by its labels. */
export type LabelSelector = (labels: Readonly<Record<string, string>>) => boolean

/** One term of a field selector. */
export interface FieldTerm {
  readonly field: string
  readonly value: string
  readonly isEqual: boolean
}

const setTerm = /^([^\s!=(),]+)\s+(in|notin)\s*\(([^()]*)\)$/
const equalTerm = /^([^\s!=(),]+)\s*(==|=|!=)\s*([^\s!=(),]*)$/
const existsTerm = /^(!?)\s*([^\s!=(),]+)$/

const compiled = new Map<string, LabelSelector>()

/** Parses a label selector: `a=b,c!=d,e in (f,g),h,!i`. Errors: 400 when it does not parse. */
export function labelSelector(text: string): LabelSelector {
  const known = compiled.get(text)
  if (known !== undefined) return known
  const terms = splitTerms(text).map(labelTerm)
  const selector: LabelSelector = (labels) => terms.every((term) => term(labels))
  if (compiled.size >= 256) compiled.clear()
  compiled.set(text, selector)
  return selector
}

function labelTerm(text: string): LabelSelector {
  const set = setTerm.exec(text)
  if (set !== null) {
    const [, key = '', operator, list = ''] = set
    const values = new Set(list.split(',').map((value) => value.trim()))
    return operator === 'in'
      ? (labels) => labels[key] !== undefined && values.has(labels[key])
      : (labels) => labels[key] === undefined || !values.has(labels[key])
  }
  const equal = equalTerm.exec(text)
  if (equal !== null) {
    const [, key = '', operator, value = ''] = equal
    return operator === '!=' ? (labels) => labels[key] !== value : (labels) => labels[key] === value
  }
  const exists = existsTerm.exec(text)
  if (exists !== null) {
    const [, not, key = ''] = exists
    return not === '!'
      ? (labels) => labels[key] === undefined
      : (labels) => labels[key] !== undefined
  }
  throw badRequest(`unable to parse requirement: ${text}`)
}

/** Parses a field selector: `a=b,c!=d`. Errors: 400 when it does not parse. */
export function fieldSelector(text: string): readonly FieldTerm[] {
  return splitTerms(text).map((term) => {
    const match = /^([^!=]+?)(==|!=|=)(.*)$/.exec(term)
    if (match === null) throw badRequest(`invalid selector: '${term}'; can't understand '${term}'`)
    const [, field = '', operator, value = ''] = match
    return { field, value, isEqual: operator !== '!=' }
  })
}

/** At the commas that are not inside parentheses. */
function splitTerms(text: string): readonly string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== '')
}
