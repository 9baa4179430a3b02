// What a coding task works towards: its files, the tests that decide about them, and the habits of
// the project.
import { basename, dirname } from 'node:path'
import type { Evidence } from '../../../core/api/agent-task.ts'
import { type ModuleKind, moduleKinds } from '../code/modules.ts'
import { factsIn } from '../code/read-code.ts'
import { mentions } from '../edit/asked-words.ts'
import { dependsOn } from '../project/packages.ts'
import { type Project, findSpecs, isTestPath, languageOf, namedSpecs } from '../project/project.ts'
import { type TriedCandidate, hashEdit } from '../tries.ts'
import { signatureOf } from '../verify/evidence.ts'
import type { Deciders } from '../verify/judge-runs.ts'
import { type HeldBack, holdBack, specRules } from '../verify/spec-text.ts'
import type { TestRun } from '../verify/test-run.ts'
import type { Changes } from '../workspace/workspace.ts'
import type { PipelineContext } from './pipeline.ts'

/** What a coding task works towards; the same for all its tries. */
export interface CodingGoal {
  /** Begins the purposes of its questions: `code` or `fix`. */
  readonly purpose: 'code' | 'fix'
  /** The files to write, in order. */
  readonly files: readonly string[]
  /** The unit's spec tests; undefined when it has none. */
  readonly spec:
    | { readonly path: string; readonly text: string; readonly shown: HeldBack }
    | undefined
  /** The run before the change. */
  readonly baseline: TestRun
  readonly deciders: Deciders
  readonly project: Project
  readonly habits: ProjectHabits
}

/** A candidate and the results of its checks. */
export interface Candidate extends TriedCandidate {
  /** The files of the last usable answer; undefined when there was none. */
  readonly changes: Changes | undefined
  /** `proven` and `unchecked` end the search; see the verdicts of the same names. */
  readonly state: 'proven' | 'unchecked' | 'rejected'
  /** Keys of the tests that prove it. */
  readonly proof: readonly string[]
  /** Higher is better; only for choosing among candidates that were not accepted. */
  readonly score: number
  /** The problem, for the next prompt and for people. */
  readonly problem: string
  /** The files that the problem points at; empty for all. */
  readonly suspects: readonly string[]
  readonly evidence: readonly Evidence[]
  readonly notes: readonly string[]
  /** Why nothing could check it, when that is known of this candidate: the end of a sentence. */
  readonly unchecked?: string
}

/** A candidate that is not good enough, and why. */
export function rejected(
  changes: Changes | undefined,
  problem: string,
  suspects: readonly string[],
  score: number,
): Candidate {
  return {
    changes,
    edit: changes === undefined ? undefined : hashEdit(changes),
    signature: signatureOf([problem]),
    state: 'rejected',
    proof: [],
    score,
    problem,
    suspects,
    evidence: [],
    notes: [],
  }
}

/** Habits of a project that new code has to follow, or may. */
interface ProjectHabits {
  /** The kind of module as which Node loads a file. */
  readonly kindOf: (path: string) => ModuleKind
  /** Modules that its code (not its tests) imports and that new code may not bring in otherwise. */
  readonly imports: ReadonlySet<string>
}

/**
 * Code that uses tools of tests is rare: it is looked for by these words, and at most so many files
 * are parsed.
 */
const tools = /\b(?:assert|unittest|doctest|pytest|v8|inspector)\b/
const mostFiles = 40

/** Reads the habits that matter for writing `files`. */
export async function habitsOf(
  { runner, workspace, signal }: PipelineContext,
  project: Project,
  files: readonly string[],
): Promise<ProjectHabits> {
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

/**
 * The tests that decide about the unit: those that a spec task of the request wrote, of which one
 * may be held back from the model, or those that a person named, which it is shown as they are.
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

/**
 * The deciders for work on `changed`: the spec files `specs` that are there, and the project's own
 * test files that have to do with what is changed.
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

/**
 * The word that an import of the file has to contain: its name, or its folder's where the name says
 * nothing.
 */
function importWord(path: string): string {
  const stem = basename(path).replace(/\.\w+$/, '')
  const plain = /^(index|__init__|main|mod)$/.test(stem) ? basename(dirname(path)) : stem
  return plain === '.' ? stem : plain
}
