// The tests that a coding task is decided by, and what of them the model is shown.
import { factsIn } from '../code/read-code.ts'
import { type Project, findSpecs, namedSpecs } from '../project.ts'
import { holdBack } from '../verify/spec-text.ts'
import type { CodingGoal } from './coding-goal.ts'
import type { PipelineContext } from './pipeline.ts'

/**
 * The tests that decide about the unit: those that a spec task of the request wrote, of which one may be held back from the
 * model, or those that a person named, which it is shown as they are.
 */
export async function specOf({
  assignment,
  workspace,
  runner,
  signal,
}: PipelineContext): Promise<(CodingGoal['spec'] & { paths: readonly string[] }) | undefined> {
  const texts = await workspace.readAll(findSpecs(assignment), { signal })
  const [first, ...others] = [...texts]
  if (first === undefined) return undefined
  const [path, text] = first
  if (others.length === 0 && !namedSpecs(assignment).has(path)) {
    const facts = await factsIn(runner, path, text, { signal })
    return { path, paths: [path], text, shown: holdBack(path, text, facts) }
  }
  const paths = [...texts.keys()]
  const all = [...texts].map(([name, content]) => `${name}:\n${content}`).join('\n')
  return { path: paths.join(', '), paths, text: all, shown: { visible: all, hidden: new Set() } }
}

/** The project with test files of any name among its tests. */
export function withTests(project: Project, paths: readonly string[]): Project {
  const more = paths.filter((path) => project.files.includes(path))
  return { ...project, testFiles: [...new Set([...project.testFiles, ...more])].toSorted() }
}
