// Which tests decide about a piece of work.
import { basename, dirname } from 'node:path'
import { factsIn } from '../code/read-code.ts'
import { dependsOn } from '../dependencies.ts'
import { mentions } from '../edit/mentions.ts'
import { type Project, languageOf, namedSpecs } from '../project.ts'
import type { Deciders } from '../verify/judge-runs.ts'
import { specRules } from '../verify/spec-text.ts'
import type { PipelineContext } from './pipeline.ts'

/**
 * The deciders for work on `changed`: the spec files `specs` that are there, and the project's own test files that have to do
 * with what is changed.
 */
export async function decidersFor(
  context: PipelineContext,
  project: Project,
  specs: readonly string[],
  changed: readonly string[],
): Promise<Deciders> {
  const { assignment, workspace, signal } = context
  const named = namedSpecs(assignment)
  const texts = await workspace.readAll(project.testFiles, { signal })
  const declared = new Map<string, readonly string[]>()
  const skippable = new Set<string>()
  const awaiting = new Set<string>()
  for (const path of specs) {
    const text = texts.get(path) ?? (await workspace.read(path, { signal }))
    if (text === undefined) continue
    const facts = await factsIn(context.runner, path, text, { signal })
    const rules = specRules(path, facts)
    declared.set(path, named.has(path) ? [] : rules.declared)
    for (const id of rules.skippable) skippable.add(id)
    for (const id of rules.awaiting) awaiting.add(id)
  }
  const words = changed.filter((path) => languageOf(path) !== 'unknown').map(importWord)
  const related = [...texts]
    .filter(([path, text]) => !declared.has(path) && words.some((word) => mentions(text, word)))
    .map(([path]) => path)
  const isDeclared = (name: string): boolean => dependsOn(project, name)
  return {
    specs: declared,
    related: new Set(related),
    named,
    skippable,
    awaiting,
    declared: isDeclared,
  }
}

/** What an import of the file is bound to contain: its name, or its folder's where the name says nothing. */
function importWord(path: string): string {
  const stem = basename(path).replace(/\.\w+$/, '')
  const plain = /^(index|__init__|main|mod)$/.test(stem) ? basename(dirname(path)) : stem
  return plain === '.' ? stem : plain
}
