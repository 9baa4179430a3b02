// A fix after the review: like coding, with the findings as the goal and the whole suite as the judge.
import { codeFiles, isTestPath, languageOf } from '../project.ts'
import { baselineOf, seek } from './code.ts'
import { decidersFor } from './deciders.ts'
import { habitsOf } from './habits.ts'
import { changedPaths, type Pipeline, projectAt, unwritable } from './pipeline.ts'

/** Rewrites the files of the task such that no test breaks. Without files, those the request has changed, at most three. */
export const fix: Pipeline = async (context) => {
  const { assignment, workspace, signal } = context
  const project = await projectAt(context)
  const diff = await workspace.diff(assignment.base, workspace.head, { signal })
  const changed = changedPaths(diff)
  const isCode = (path: string): boolean =>
    !isTestPath(path) && !project.testFiles.includes(path) && languageOf(path) !== 'unknown'
  const named = codeFiles(assignment.files).filter((path) => !project.testFiles.includes(path))
  const files = named.length > 0 ? named : changed.filter(isCode).slice(0, 3)
  if (files.length === 0) return { verdict: 'NothingChanged', summary: 'There is no file to fix.' }
  const refusal = await unwritable(context, files)
  if (refusal !== undefined) return refusal
  const specs = assignment.specs.map(({ path }) => path)
  const deciders = await decidersFor(context, project, specs, files)
  const baseline = await baselineOf(context, project)
  const habits = await habitsOf(context, project, files)
  const spec = undefined
  return seek(context, { purpose: 'fix', files, spec, baseline, deciders, project, habits })
}
