// Tests that leave files in the project: such files may make the next run or other tests fail, and
// then right code would be blamed for it.
import { basename } from 'node:path'
import { askedWords, mentions } from '../edit/asked-words.ts'
import type { Project } from '../project/project.ts'
import type { TestRun } from '../verify/test-run.ts'
import type { LeftFile } from '../workspace/work-tree.ts'
import type { Changes } from '../workspace/workspace.ts'
import type { PipelineContext } from './pipeline.ts'

/**
 * Calls that remove files. A test that fails may end before them, so only runs that pass show
 * whether it cleans up.
 */
const removes =
  /\b(?:rm|rmdir|unlink)(?:Sync)?\s*\(|\bos\.(?:remove|unlink|rmdir|removedirs)\b|\.unlink\(|\brmtree\b|\.cleanup\(|\baddCleanup\b/

/**
 * Why a spec has to be asked for again: it has just been run on `changes`, and left something that
 * it names itself, or that makes it or the project's own tests come out otherwise. Files that the
 * project leaves when it is only loaded do not count; nor do new files of a spec that removes
 * files, until it is run with the code.
 */
export async function litterOfSpec(
  context: PipelineContext,
  {
    spec,
    text,
    changes,
    loaded,
    project,
  }: {
    readonly spec: string
    readonly text: string
    readonly changes: Changes
    /** The project's files that the spec imports. */
    readonly loaded: readonly string[]
    readonly project: Project
  },
): Promise<string | undefined> {
  const { runner, workspace, signal } = context
  const found = await workspace.left()
  const suspects = removes.test(text) ? found.filter(({ how }) => how !== 'new') : found
  if (suspects.length === 0) return undefined
  const left = without(suspects, await leftByLoading(context, loaded, changes, project))
  if (left.length === 0) return undefined
  const named = left.filter(({ path }) => names(text, path))
  const where =
    'Work in a folder made with mkdtemp in the folder for temporary files, so that nothing of it is left in the project.'
  if (named.length > 0) return `The tests ${wordsFor(named)}. ${where}`
  const options = { signal, project }
  const others = project.testFiles.filter((path) => path !== spec)
  const before = await runner.test(others, changes, options)
  const first = await runner.test([spec], changes, options)
  const second = await runner.test([spec], changes, { ...options, inPlace: true })
  const after = await runner.test(others, changes, { ...options, inPlace: true })
  const lost = [...lostIn(first, second), ...lostIn(before, after)]
  return lost.length === 0
    ? undefined
    : `The tests ${wordsFor(left)}, and so this no longer passes: ${lost.slice(0, 3).join(', ')}. ${where}`
}

/**
 * Words for the files that the tests of `specs` leave with the code of a candidate. Only files that
 * the specs or the request name count: others are the doing of the code. Undefined when there are
 * none.
 */
export async function litterWithCode(
  context: PipelineContext,
  {
    specs,
    found,
    changes,
    project,
  }: {
    readonly specs: readonly string[]
    /** Files that the specs left in a fresh work tree. */
    readonly found: readonly LeftFile[]
    readonly changes: Changes
    readonly project: Project
  },
): Promise<string | undefined> {
  const { assignment, workspace, signal } = context
  if (found.length === 0) return undefined
  const left = without(found, await leftByLoading(context, [...changes.keys()], changes, project))
  const texts = [...(await workspace.readAll(specs, { signal })).values()]
  const asked = askedWords(assignment)
  const named = left.filter(({ path }) => [...texts, asked].some((text) => names(text, path)))
  return named.length === 0 ? undefined : wordsFor(named)
}

async function leftByLoading(
  { runner, workspace, signal }: PipelineContext,
  files: readonly string[],
  changes: Changes,
  project: Project,
): Promise<readonly LeftFile[]> {
  if (files.length === 0) return []
  await runner.load(files, changes, { signal, project })
  return workspace.left()
}

function without(left: readonly LeftFile[], others: readonly LeftFile[]): readonly LeftFile[] {
  return left.filter(({ path }) => !others.some((other) => other.path === path))
}

function names(text: string, path: string): boolean {
  return mentions(text, basename(path))
}

function lostIn(before: TestRun, after: TestRun): readonly string[] {
  return before.passed.filter((id) => !after.passed.includes(id))
}

/** `leave out.txt in the project and change data.json`. */
function wordsFor(left: readonly LeftFile[]): string {
  const of = (how: LeftFile['how']): string =>
    left
      .filter((one) => one.how === how)
      .slice(0, 4)
      .map(({ path }) => path)
      .join(', ')
  const parts = [
    of('new') === '' ? '' : `leave ${of('new')} in the project`,
    of('changed') === '' ? '' : `change ${of('changed')}`,
    of('gone') === '' ? '' : `remove ${of('gone')}`,
  ]
  return parts.filter(Boolean).join(' and ')
}
