import { agentBugs } from './agent-bugs.ts'
import { kernelBugs } from './kernel-bugs.ts'
import { taskBugs } from './task-bugs.ts'

/** One change of one file: `find` must stand there exactly once. */
interface Edit {
  /** Path in the repository. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

/** A mistake that a programmer could make, and that the simulator has to find. */
export interface SeededBug {
  readonly name: string
  /** The consequence of the mistake, in a sentence. */
  readonly story: string
  readonly edits: readonly Edit[]
}

/**
 * Every seeded bug. When the text of one is no longer in the product, its test fails: write the bug
 * again.
 */
export const bugs: readonly SeededBug[] = [...taskBugs, ...agentBugs, ...kernelBugs]

/** The source with the bug in it. Throws when the place is not there, or there twice. */
export function breakSource(source: string, { file, find, replace }: Edit): string {
  const parts = source.split(find)
  if (parts.length !== 2)
    throw new Error(`${file} holds ${parts.length - 1} times what a seeded bug changes: ${find}`)
  return parts.join(replace)
}
