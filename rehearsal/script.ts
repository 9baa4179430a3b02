import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { pattern, ruleFault, type Strike } from './faults.ts'

const rule = z.strictObject({
  when: z.strictObject({
    /** The text of the section `Request`. */
    request: pattern,
    /** The system prompt and the section `File`: they say what kind of work is asked for. */
    purpose: pattern.optional(),
    /** The text of the section `Unit`. */
    unit: pattern.optional(),
    /** The text of the section `File`, `Files` or `Section`. */
    file: pattern.optional(),
    /** The whole prompt, for what the others cannot tell apart. */
    prompt: pattern.optional(),
    /** Whether there is a section `What failed`. */
    failed: z.boolean().optional(),
    /**
     * Only the nth question that the rest of this rule matches, from 1; those that a fault spoilt
     * count, too.
     */
    n: z.int().min(1).optional(),
  }),
  answer: z.string(),
  /** What goes wrong with the answer; the first time only, unless it says otherwise. */
  fault: ruleFault.optional(),
})

const script = z.strictObject({
  /** For people. */
  about: z.string(),
  rules: z.array(rule).min(1),
})

/** One scripted answer and the question it answers. */
export type ScriptRule = z.infer<typeof rule>

/** What is asked, in the parts a person would tell apart. */
export interface AskedQuestion {
  readonly system: string
  readonly user: string
}

/**
 * Reads every `*.yaml` of a folder, in order of their names.
 * Throws one Error with a sentence for each problem: the file, the number of the rule from 1, the
 * field.
 */
export async function loadScripts(folder: string): Promise<ScriptRule[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).toSorted()
  if (names.length === 0)
    throw new Error(`there is not a script in ${folder}: no file ends with .yaml`)
  const rules: ScriptRule[] = []
  const problems: string[] = []
  for (const name of names) {
    const read = readScript(await readFile(join(folder, name), 'utf8'))
    if ('rules' in read) rules.push(...read.rules)
    else problems.push(...read.problems.map((problem) => `${name} is not a script: ${problem}`))
  }
  if (problems.length > 0) throw new Error(problems.join('\n'))
  return rules
}

function readScript(
  text: string,
): { readonly rules: readonly ScriptRule[] } | { readonly problems: readonly string[] } {
  let raw: unknown
  try {
    raw = parse(text)
  } catch (error) {
    const [first = ''] = String(error instanceof Error ? error.message : error).split('\n')
    return { problems: [`it is no YAML: ${first.replace(/:$/, '')}`] }
  }
  const read = script.safeParse(raw)
  if (read.success) return { rules: read.data.rules }
  return { problems: read.error.issues.flatMap(inWords) }
}

/** `rule 2, when.request: is not a regular expression: …`. */
function inWords(issue: z.core.$ZodIssue): string[] {
  const { path, message } = issue
  const inRule = path[0] === 'rules' && typeof path[1] === 'number'
  const place = inRule ? [`rule ${Number(path[1]) + 1}`] : []
  const field = path.slice(inRule ? 2 : 0).join('.')
  const fields =
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => [field, key].filter(Boolean).join('.'))
      : [field]
  const what = issue.code === 'unrecognized_keys' ? 'there is no such field' : message
  return fields.map((one) => {
    const where = [...place, ...(one === '' ? [] : [one])].join(', ')
    return where === '' ? what : `${where}: ${what}`
  })
}

/**
 * The sections of a prompt: `## Title` and the text up to the next one. The first section of a
 * title counts.
 */
export function promptSections(user: string): ReadonlyMap<string, string> {
  const sections = new Map<string, string>()
  for (const part of user.split(/^## /m).slice(1)) {
    const end = part.indexOf('\n')
    const title = (end === -1 ? part : part.slice(0, end)).trim().toLowerCase()
    if (!sections.has(title)) sections.set(title, end === -1 ? '' : part.slice(end + 1))
  }
  return sections
}

/** What a rule answers. */
interface Scripted {
  readonly answer: string
  readonly strike: Strike | undefined
}

/** Answers from rules; counts for `n` and for the faults of rules. */
export interface Scripts {
  /** What the first rule that matches says; undefined when none does. */
  find(question: AskedQuestion): Scripted | undefined
  /** The answer of it alone. */
  answer(question: AskedQuestion): string | undefined
}

/** Makes scripts from rules. The same questions in the same order get the same answers. */
export function createScripts(rules: readonly ScriptRule[]): Scripts {
  const matched = new Map<ScriptRule, number>()
  const answered = new Map<ScriptRule, number>()

  function find(question: AskedQuestion): Scripted | undefined {
    for (const candidate of rules) {
      if (!matches(candidate.when, question)) continue
      const n = (matched.get(candidate) ?? 0) + 1
      matched.set(candidate, n)
      if (candidate.when.n !== undefined && candidate.when.n !== n) continue
      const before = answered.get(candidate) ?? 0
      answered.set(candidate, before + 1)
      return { answer: candidate.answer, strike: strikeOf(candidate.fault, before) }
    }
    return undefined
  }

  return { find, answer: (question) => find(question)?.answer }
}

function strikeOf(fault: ScriptRule['fault'], before: number): Strike | undefined {
  if (fault === undefined || before < fault.skip || before >= fault.skip + fault.times) {
    return undefined
  }
  return { kind: fault.kind, ms: fault.ms }
}

/**
 * Where a question says what kind of work it asks for: the system prompt and the section `File`.
 */
export function purposeOf(question: AskedQuestion): string {
  return `${question.system}\n${promptSections(question.user).get('file') ?? ''}`
}

function matches(when: ScriptRule['when'], question: AskedQuestion): boolean {
  const sections = promptSections(question.user)
  const text = (...titles: string[]) => titles.map((title) => sections.get(title) ?? '').join('\n')
  return (
    when.request.test(text('request')) &&
    (when.purpose?.test(purposeOf(question)) ?? true) &&
    (when.unit?.test(text('unit')) ?? true) &&
    (when.file?.test(text('file', 'files', 'section')) ?? true) &&
    (when.prompt?.test(question.user) ?? true) &&
    (when.failed === undefined || when.failed === sections.has('what failed'))
  )
}
