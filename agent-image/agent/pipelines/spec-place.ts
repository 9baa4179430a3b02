// The place of spec tests and their module system of Node, by the habit of the project and by the
// answer.
import type { ImportFact } from '../code/facts.ts'
import { type ModuleKind, moduleKinds } from '../code/modules.ts'
import { factsIn } from '../code/read-code.ts'
import { type Project, codeFiles, holdsKind, languageOf, specPath } from '../project/project.ts'
import type { PipelineContext } from './pipeline.ts'

/** A test file, and the kind of module as which Node loads it. */
export interface SpecPlace {
  readonly path: string
  readonly kind: ModuleKind
}

/** What a spec task is to write tests for, and where. */
export interface SpecGoal extends SpecPlace {
  /** The module system of the project's code; undefined where nothing shows it. */
  readonly habit: ModuleKind | undefined
  /** The unit's files that tests can import. */
  readonly files: readonly string[]
  readonly project: Project
}

/**
 * The module system for the unit's tests, by the habit of the project's code; undefined where
 * nothing shows it.
 */
export async function habitOf(
  { assignment, workspace, signal }: PipelineContext,
  project: Project,
): Promise<ModuleKind | undefined> {
  const [first] = codeFiles(assignment.files).filter((file) => languageOf(file) === 'node')
  if (first === undefined || !/\.c?js$/.test(first)) return 'module'
  const plain = specPath({ ...assignment, specs: [] }, project)?.replace(/\.mjs$/, '.js') ?? first
  const read = (path: string): Promise<string | undefined> => workspace.read(path, { signal })
  const [kind, other] = await Promise.all(
    (['module', 'commonjs'] as const).map(async (otherwise) => {
      const kindOf = await moduleKinds([plain], project.files, read, otherwise)
      return kindOf(plain)
    }),
  )
  return kind === other ? kind : undefined
}

/** The kind that a file of this name can hold: the wanted one, if it can. */
export function keptKind(path: string, wanted: ModuleKind, project: Project): ModuleKind {
  if (languageOf(path) !== 'node' || holdsKind(path, wanted, project)) return wanted
  return wanted === 'module' ? 'commonjs' : 'module'
}

/** Every place that the tests may be written to. */
export function placesOf({ assignment }: PipelineContext, project: Project): readonly string[] {
  const places = (['module', 'commonjs'] as const).map((kind) =>
    specPath(assignment, project, kind),
  )
  return [...new Set(places.filter((path) => path !== undefined))]
}

/**
 * The name that fits an answer, and what Node takes the file for then. An answer in CommonJS stays
 * so where it can: always in a project that is not written in ES modules, and elsewhere when not
 * all that it requires can be imported instead.
 */
export async function placeFor(
  { assignment, runner, signal }: PipelineContext,
  goal: SpecPlace & { readonly habit: ModuleKind | undefined; readonly project: Project },
  answer: string,
): Promise<SpecPlace> {
  if (languageOf(goal.path) !== 'node') return { path: goal.path, kind: goal.kind }
  // Under a name that says nothing about modules, so that the text alone says it.
  const plain = goal.path.replace(/\.[cm]([jt]s)$/, '.$1')
  const { markers, imports } = await factsIn(runner, plain, answer, { signal })
  const isCommonjs = markers.commonjs && !markers.esm
  const stays = goal.habit !== 'module' || imports.some((one) => isKept(one))
  const wanted: ModuleKind = isCommonjs
    ? stays
      ? 'commonjs'
      : 'module'
    : markers.esm
      ? 'module'
      : goal.kind
  if (wanted === goal.kind) return { path: goal.path, kind: goal.kind }
  const path = specPath(assignment, goal.project, wanted) ?? goal.path
  return { path, kind: keptKind(path, wanted, goal.project) }
}

/** Something required that no import statement can take the place of. */
function isKept({ how, statement }: ImportFact): boolean {
  return how === 'require' && !statement
}
