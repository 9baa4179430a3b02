import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'

/** A regular expression, without slashes; matched without regard to case, over several lines. */
const pattern = z.string().transform((source, context) => {
  try {
    return new RegExp(source, 'im')
  } catch (error) {
    context.addIssue(`is no regular expression: ${String(error)}`)
    return z.NEVER
  }
})

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
    /** Only the nth question that the rest of this rule matches, from 1. */
    n: z.int().min(1).optional(),
  }),
  answer: z.string(),
})

const script = z.strictObject({
  /** For people. */
  about: z.string(),
  rules: z.array(rule).min(1),
})

/** One scripted answer and the question it answers. */
export type Rule = z.infer<typeof rule>

/** What is asked, in the parts a person would tell apart. */
export interface Question {
  readonly system: string
  readonly user: string
}

/** Reads every `*.yaml` of a folder, in order of their names. Throws with the file's name when one is malformed. */
export async function loadScripts(folder: string): Promise<Rule[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).toSorted()
  const rules: Rule[] = []
  for (const name of names) {
    const read = script.safeParse(parse(await readFile(join(folder, name), 'utf8')))
    if (!read.success) throw new Error(`${name} is no script: ${z.prettifyError(read.error)}`)
    rules.push(...read.data.rules)
  }
  return rules
}

/** The sections of a prompt: `## Title` and the text up to the next one. The first section of a title counts. */
export function promptSections(user: string): ReadonlyMap<string, string> {
  const sections = new Map<string, string>()
  for (const part of user.split(/^## /m).slice(1)) {
    const end = part.indexOf('\n')
    const title = (end === -1 ? part : part.slice(0, end)).trim().toLowerCase()
    if (!sections.has(title)) sections.set(title, end === -1 ? '' : part.slice(end + 1))
  }
  return sections
}

/** Answers from rules; counts for `n`. */
export interface Scripts {
  /** The answer of the first rule that matches; undefined when none does. */
  answer(question: Question): string | undefined
}

/** Makes scripts from rules. */
export function createScripts(rules: readonly Rule[]): Scripts {
  const matched = new Map<Rule, number>()
  return {
    answer(question) {
      for (const candidate of rules) {
        if (!matches(candidate.when, question)) continue
        const n = (matched.get(candidate) ?? 0) + 1
        matched.set(candidate, n)
        if (candidate.when.n === undefined || candidate.when.n === n) return candidate.answer
      }
      return undefined
    },
  }
}

function matches(when: Rule['when'], question: Question): boolean {
  const sections = promptSections(question.user)
  const text = (...titles: string[]) => titles.map((title) => sections.get(title) ?? '').join('\n')
  return (
    when.request.test(text('request')) &&
    (when.purpose?.test(`${question.system}\n${text('file')}`) ?? true) &&
    (when.unit?.test(text('unit')) ?? true) &&
    (when.file?.test(text('file', 'files', 'section')) ?? true) &&
    (when.prompt?.test(question.user) ?? true) &&
    (when.failed === undefined || when.failed === sections.has('what failed'))
  )
}
