// What a candidate takes away from the rest of its project.
import type { CodeFacts } from '../code/facts.ts'
import { type LostName, lostNames } from '../edit/lost-names.ts'
import { usersOf } from '../edit/uses.ts'
import { languageOf } from '../project.ts'
import type { Changes } from '../workspace.ts'
import type { CodingGoal } from './coding-goal.ts'
import type { PipelineContext } from './pipeline.ts'

const mostTold = 8
/** Files of a page or a component may use code as well. */
const alsoUses = /\.(?:[jt]sx|vue|svelte|html?)$/

/**
 * A sentence for the model about what the new text of `path` no longer offers and has to, with the files that use it; undefined
 * when nothing is lost. `soFar` are files that the same candidate has written; the rest of the task's files are still to be.
 */
export async function whatIsLost(
  { workspace, assignment, signal }: PipelineContext,
  goal: CodingGoal,
  path: string,
  facts: { readonly before: CodeFacts; readonly after: CodeFacts; readonly soFar: Changes },
): Promise<string | undefined> {
  const asked = [assignment.requestText, assignment.goal, assignment.doneWhen].join('\n\n')
  const lost = lostNames(facts.before, facts.after, asked)
  if (lost.length === 0) return undefined
  const isNode = languageOf(path) === 'node' || alsoUses.test(path)
  const others = goal.project.files.filter(
    (file) =>
      file !== path &&
      !goal.files.includes(file) &&
      (languageOf(file) === languageOf(path) || (isNode && alsoUses.test(file))),
  )
  const texts = new Map(await workspace.readAll(others, { signal }))
  for (const [file, text] of facts.soFar) if (file !== path) texts.set(file, text)
  const users = usersOf(path, lost, texts)
  const told = lost.filter((one) => one.certain || (users.get(one) ?? []).length > 0)
  if (told.length === 0) return undefined
  const words = told.slice(0, mostTold).map((one) => named(one, users.get(one) ?? []))
  const more = told.length > mostTold ? ` and ${told.length - mostTold} more` : ''
  return `${path} lost what it offers to others: ${words.join(', ')}${more}. Keep everything that need not change, and write the complete file.`
}

function named({ name }: LostName, users: readonly string[]): string {
  if (users.length === 0) return name
  const shown = users.slice(0, 2).join(', ')
  return `${name} (used by ${users.length > 2 ? `${shown} and ${users.length - 2} more` : shown})`
}
