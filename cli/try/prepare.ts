// Everything that is settled before the first agent works: what is to be done, by which tests, and
// that nothing of the person's stands in the way.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { detectAtOnce, isTestPath, specPath } from '../../agent-image/agent/project/project.ts'
import { decodeText } from '../../agent-image/agent/workspace/text-form.ts'
import { filesOf } from '../../agent-image/agent/workspace/tree-listing.ts'
import type { DevRequestSpec, PlannedTask } from '../../core/api/devrequest.ts'
import type { Gateway } from '../../core/models/gateway.ts'
import type { ModelProfile } from '../../core/models/profile.ts'
import { type RepositoryFacts, readFacts } from '../../core/planner/facts.ts'
import { codePathsOf, mentionsOf } from '../../core/planner/mentions.ts'
import { meantPath } from '../../core/planner/paths.ts'
import { documentFiles, makePlan } from '../../core/planner/plan.ts'
import { isAboutDocuments, sentencesOf } from '../../core/planner/sentences.ts'
import { CliError, TryTrouble, exitCodes } from '../failure.ts'
import { type Checkout, obstacleAt } from './checkout.ts'
import { type CommitFiles, decidingTests } from './deciding-tests.ts'
import { type Goal, specOf } from './goal.ts'
import type { Abortable } from '../../core/base/wait.ts'

export interface Prepared {
  readonly spec: DevRequestSpec
  readonly tasks: readonly PlannedTask[]
  /** Test files of the commit that decide about a unit. */
  readonly named: readonly { readonly unit: string; readonly path: string }[]
  readonly warnings: readonly string[]
}

export interface OpenModel {
  readonly profile: ModelProfile
  readonly call: Gateway['call']
}

const mostFiles = 6

/**
 * Plans the work. `open` finds the model, after all that can be checked without one; it is asked
 * only when no file was named.
 * Errors: `CliError` (usage) about --test, `TryTrouble` for changes of the person's that would be
 * overwritten.
 */
export async function prepare(
  goal: Goal,
  checkout: Checkout,
  open: () => Promise<OpenModel>,
  attempts: number | undefined,
  options: Abortable,
): Promise<Prepared> {
  const commit = commitFilesOf(checkout, options)
  const tests =
    goal.test === undefined ? { files: [], warnings: [] } : await decidingTests(goal.test, commit)
  const clear = async (files: readonly string[]): Promise<void> => {
    refuseBoth(files, tests.files)
    await refuseObstacles(checkout, files, options)
    await refuseObstacles(checkout, tests.files, options, 'run')
  }
  refuseFolders(checkout, goal.files ?? [])
  await clear(goal.files ?? [])
  const facts = await readFacts(checkout.reader, goal.request, options)
  if (goal.files === undefined) await refuseNamed(goal, checkout, facts, options)
  const { profile, call } = await open()
  const spec = specOf(goal, facts, { model: profile.name, attempts })
  const made = await makePlan({ request: goal.name, spec, facts, profile, call }, options)
  const { tasks, left } = await withoutDocuments(
    goal,
    checkout,
    scoped(goal, made.plan.tasks),
    options,
  )
  await clear([...tasks.flatMap(({ files }) => files), ...(await specsOf(goal, tasks, commit))])
  const unit = tasks.find((task) => task.unit !== undefined)?.unit ?? ''
  return {
    spec,
    tasks,
    named: tests.files.map((path) => ({ unit, path })),
    warnings: [...dirtyWarnings(checkout), ...tests.warnings, ...left, ...made.plan.warnings],
  }
}

/**
 * The tasks of the whole chain, or the one task of the one specialist, who then does all units as
 * one.
 */
function scoped({ scope, files }: Goal, tasks: readonly PlannedTask[]): readonly PlannedTask[] {
  if (scope === 'chain') return tasks
  const action = scope === 'coding' ? 'code' : 'spec'
  const own = tasks.filter((task) => task.action === action)
  const [first] = own
  if (first === undefined) throw new Error(`the plan has no task to ${action}`)
  const planned = [...new Set(own.flatMap((task) => task.files))]
  const goals = [...new Set(own.map((task) => task.goal))].join('\n')
  return [
    {
      ...first,
      files: [...(files ?? planned.filter((path) => !isTestPath(path)).slice(0, mostFiles))],
      goal: goals.slice(0, 4000),
      after: [],
    },
  ]
}

/**
 * Where the tests of each unit will be written: a file there that is in no commit would be
 * overwritten.
 */
async function specsOf(
  { name: request }: Goal,
  tasks: readonly PlannedTask[],
  commit: CommitFiles,
): Promise<readonly string[]> {
  const project = await detectAtOnce(commit.files, commit.read)
  return tasks.flatMap(({ action, files, unit }) => {
    if (action !== 'spec') return []
    // The name says which module system they are written in, which is not known yet.
    const places = (['module', 'commonjs'] as const).flatMap(
      (kind) => specPath({ request, files, specs: [], unit }, project, kind) ?? [],
    )
    return [...new Set(places)]
  })
}

function commitFilesOf({ listing, git }: Checkout, options: Abortable): CommitFiles {
  return {
    files: filesOf(listing),
    async read(paths) {
      const texts = new Map<string, string>()
      for (const path of paths) {
        const entry = listing.get(path)
        if (entry === undefined) continue
        const decoded = decodeText(await git(['cat-file', 'blob', entry.oid], options))
        if (decoded.kind === 'text') texts.set(path, decoded.text)
      }
      return texts
    },
  }
}

function refuseBoth(files: readonly string[], tests: readonly string[]): void {
  const both = files.find((path) => tests.includes(path))
  if (both === undefined) return
  throw new CliError(`${both} cannot be written: --test names it as what decides`, {
    next: 'guild try … --files src/slug.js   (the code, not its tests)',
    exitCode: exitCodes.usage,
  })
}

/** Folders hold files; which of them are meant, only the person knows. */
function refuseFolders({ root, listing }: Checkout, files: readonly string[]): void {
  for (const path of files) {
    const below = [...listing.keys()].filter((entry) => entry.startsWith(`${path}/`))
    const isFolder = statSync(join(root, path), { throwIfNoEntry: false })?.isDirectory() === true
    if (below.length === 0 && !isFolder) continue
    const example = below.find((entry) => !isTestPath(entry)) ?? `${path}/slug.js`
    throw new CliError(`--files ${path} is a folder; it takes the files to write`, {
      next: `guild try … --files ${example}`,
      exitCode: exitCodes.usage,
    })
  }
}

/**
 * What a plan will have to write whatever the model says: code files that the request names and no
 * commit holds, those that it names when all of them are in the way, and of a request about
 * documents the README and the documents it names.
 */
async function refuseNamed(
  { request, scope }: Goal,
  checkout: Checkout,
  { files }: RepositoryFacts,
  options: Abortable,
): Promise<void> {
  const paths = mentionsOf(request, files)
    .filter(({ kind }) => kind === 'path')
    .flatMap(({ text }) => codePathsOf(text, files))
    .map((path) => meantPath(path, files))
  const named = [...new Set(paths)].filter((path) => !isTestPath(path))
  const isInTheWay = async (path: string): Promise<boolean> =>
    (await obstacleAt(checkout, path, options)) !== undefined
  const obstructed: string[] = []
  for (const path of named) if (await isInTheWay(path)) obstructed.push(path)
  const fresh = obstructed.filter((path) => !checkout.listing.has(path))
  const certain = obstructed.length === named.length ? obstructed : fresh
  const documents =
    scope === 'chain' && asksForDocuments(request) ? documentFiles(request, files) : []
  await refuseObstacles(checkout, [...certain, ...documents], options)
}

const asksForDocuments = (request: string): boolean => sentencesOf(request).some(isAboutDocuments)

/**
 * A plan also writes into documents that the request does not name. An obstacle to one of these
 * does not stop the work.
 */
async function withoutDocuments(
  { request }: Goal,
  checkout: Checkout,
  tasks: readonly PlannedTask[],
  options: Abortable,
): Promise<{ readonly tasks: readonly PlannedTask[]; readonly left: readonly string[] }> {
  if (asksForDocuments(request)) return { tasks, left: [] }
  const obstacles = new Map<string, string>()
  for (const path of tasks.flatMap(({ action, files }) => (action === 'document' ? files : []))) {
    const found = await obstacleAt(checkout, path, options)
    if (found !== undefined) obstacles.set(path, found.why)
  }
  const free = tasks.map((task) =>
    task.action === 'document'
      ? { ...task, files: task.files.filter((path) => !obstacles.has(path)) }
      : task,
  )
  const gone = free.filter(({ action, files }) => action === 'document' && files.length === 0)
  const before = new Map(gone.map(({ name, after }) => [name, after]))
  return {
    tasks: free
      .filter((task) => !gone.includes(task))
      .map((task) => ({
        ...task,
        after: task.after.flatMap((name) => before.get(name) ?? [name]),
      })),
    left: [...obstacles.values()].map((why) => `Nothing is added to a document: ${why}`),
  }
}

async function refuseObstacles(
  checkout: Checkout,
  paths: readonly string[],
  options: Abortable,
  use?: 'written' | 'run',
): Promise<void> {
  for (const path of new Set(paths)) {
    const found = await obstacleAt(checkout, path, options, use)
    if (found === undefined) continue
    const { why, next } = found
    throw new TryTrouble('Unsupported', `nothing was tried, so that nothing is lost: ${why}`, {
      next,
    })
  }
}

function dirtyWarnings({ changed }: Checkout): readonly string[] {
  if (changed.length === 0) return []
  const shown = changed.slice(0, 3).join(', ')
  const more = changed.length > 3 ? ` and ${changed.length - 3} more` : ''
  return [
    `The work starts from HEAD: agents do not see changes that are in no commit (${shown}${more}).`,
  ]
}
