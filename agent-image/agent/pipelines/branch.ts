// The first task: can the project be cloned, what is it, and do its tests pass as it is?
import { counted } from '../../../core/api/plain-text.ts'
import type { Outcome } from '../outcome.ts'
import { digestOf, evidenceOf } from '../verify/digest.ts'
import { testId } from '../verify/test-run.ts'
import { countsOf, type Pipeline, projectAt } from './pipeline.ts'
import { sentencesOf, unjudgedTests } from './unjudged.ts'

/** Looks at the project and runs its tests once. Changes nothing; failing tests are a fact, not a failure. */
export const branch: Pipeline = async (context): Promise<Outcome> => {
  const { runner, workspace, signal, activity } = context
  const project = await projectAt(context)
  const run = await runner.test(project.testFiles, new Map(), { signal, project })
  activity(`baseline: ${countsOf(run)}`)
  const read = (path: string): Promise<string | undefined> => workspace.read(path, { signal })
  const digest = await digestOf(run, run.failed, workspace.root, read)
  const words = { node: 'a Node project', python: 'a Python project', unknown: 'a project' }
  const unjudged = sentencesOf(unjudgedTests(project, run))
  return {
    verdict: 'NothingChanged',
    summary: [
      `This is ${words[project.language]} of ${counted(project.files.length, 'file')}; before the change, ${countsOf(run)}.`,
      ...unjudged.map((sentence) => `${sentence}.`),
    ].join(' '),
    evidence: [evidenceOf(run, digest.text)],
    notes: [
      ...run.problems.map((problem) => `the tests cannot be trusted: ${problem}`),
      ...run.failed.slice(0, 5).map((test) => `fails before the change: ${testId(test)}`),
      ...unjudged.slice(0, 5),
    ],
  }
}
