// What the project does already: its module system, and which tools of tests its own code uses.
import { type ModuleKind, moduleKinds } from '../code/modules.ts'
import { type Project, isTestPath, languageOf } from '../project.ts'
import type { PipelineContext } from './pipeline.ts'

/** Habits of a project that new code has to follow, or may. */
export interface Habits {
  /** What Node takes a file for. */
  readonly kindOf: (path: string) => ModuleKind
  /** Modules that its code (not its tests) imports and that new code may not bring in otherwise. */
  readonly imports: ReadonlySet<string>
}

/** Code that uses tools of tests is rare: it is looked for by these words, and at most so many files are parsed. */
const tools = /\b(?:assert|unittest|doctest|pytest|v8|inspector)\b/
const mostFiles = 40

/** Reads the habits that matter for writing `files`. */
export async function habitsOf(
  { runner, workspace, signal }: PipelineContext,
  project: Project,
  files: readonly string[],
): Promise<Habits> {
  const kindOf = await moduleKinds(files, project.files, (path) => workspace.read(path, { signal }))
  const code = project.files.filter((path) => languageOf(path) !== 'unknown' && !isTestPath(path))
  const texts = await workspace.readAll(code, { signal })
  const users = [...texts].filter(([, text]) => tools.test(text)).slice(0, mostFiles)
  const facts = await runner.read(new Map(users), { signal })
  const imports = [...facts.values()].flatMap((one) =>
    one.imports.map(({ specifier }) => specifier),
  )
  return { kindOf, imports: new Set(imports) }
}
