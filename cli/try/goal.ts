// What a person wants tried, read from the command line and checked before anything is touched.
import { resolve } from 'node:path'
import { devRequestSpec, type DevRequestSpec, type Unit } from '../../core/api/devrequest.ts'
import { plainText } from '../../core/api/plain-text.ts'
import type { RepositoryFacts } from '../../core/planner/facts.ts'
import { unitName } from '../../core/planner/names.ts'
import { safePath } from '../../core/planner/paths.ts'
import { oneUnit } from '../../core/planner/units-by-rule.ts'
import { plainName } from '../commands/submit.ts'
import { CliError, exitCodes } from '../failure.ts'
import type { ModelFlags } from '../planning/model-server.ts'
import type { SandboxKind } from './sandbox.ts'

/** What can be said on the command line. */
export interface TryFlags extends ModelFlags {
  readonly repo?: string | undefined
  readonly goal?: string | undefined
  /** Paths, with commas between them. */
  readonly files?: string | undefined
  readonly type?: string | undefined
  readonly test?: string | undefined
  /** Milliseconds for everything. */
  readonly timeout?: number | undefined
  readonly attempts?: number | undefined
  readonly sandbox?: SandboxKind | undefined
  readonly json?: boolean | undefined
}

/** What is to be tried. */
export interface Goal {
  /** Absolute path of the checkout. */
  readonly folder: string
  /** Name of the request, made from its words: tasks and branch are called after it. */
  readonly name: string
  readonly request: string
  /** The files to write; undefined when the planner chooses them. */
  readonly files: readonly string[] | undefined
  /** The whole chain, or the one specialist that works. */
  readonly scope: 'chain' | 'coding' | 'testing'
  /** For `coding`: the command that names the tests which decide. */
  readonly test: string | undefined
}

const example = 'guild try --repo . --goal "Add src/slug.js that exports slugify(text) …"'
const mostFiles = 6
const longestText = 2000

/** Why a type of specialist cannot be tried by itself. */
const refusedTypes: Readonly<Record<string, string>> = {
  review: 'a review reads a change, and before the work there is none',
  documentation: 'documentation is written about a change, and before the work there is none',
  deployment: 'this version deploys nothing',
  git: 'branches are made and examined around the work of the others',
}

/** Reads the flags. Errors: `CliError` (usage) that names the flag. */
export function readGoal(flags: TryFlags, cwd: string): Goal {
  if (flags.repo === undefined || flags.repo.trim() === '')
    throw usage('--repo is missing: it takes the top folder of a git checkout')
  const request = flags.goal?.trim() ?? ''
  if (request === '')
    throw usage('--goal is empty: say what to build or change, and how you will know it works')
  const parsed = devRequestSpec.shape.request.safeParse(request)
  if (!parsed.success)
    throw usage(`--goal cannot be used: ${parsed.error.issues[0]?.message ?? 'it is no text'}`)
  const scope = scopeOf(flags)
  return {
    folder: resolve(cwd, flags.repo),
    name: plainName(request),
    request,
    files: flags.files === undefined ? undefined : filesOf(flags.files),
    scope,
    test: flags.test,
  }
}

function scopeOf({ type, test }: TryFlags): Goal['scope'] {
  if (type === undefined) {
    if (test === undefined) return 'chain'
    throw usage(
      '--test goes with --type coding: in the whole chain the tests are written first',
      `${example} --type coding --test test/slug.test.js`,
    )
  }
  const why = refusedTypes[type]
  if (why !== undefined)
    throw usage(
      `--type ${type} cannot be tried by itself: ${why}; leave --type out for the whole chain`,
    )
  if (type === 'testing') {
    if (test === undefined) return 'testing'
    throw usage('--test goes with --type coding: --type testing writes tests itself')
  }
  if (type !== 'coding')
    throw usage(`--type ${type} is no specialist; possible are coding and testing`)
  if (test === undefined || test.trim() === '')
    throw usage(
      '--type coding needs --test: the tests that decide whether the code is right',
      `${example} --type coding --test test/slug.test.js`,
    )
  return 'coding'
}

function filesOf(list: string): readonly string[] {
  const words = list
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
  if (words.length === 0)
    throw usage(
      '--files is empty: it takes paths, with commas between them',
      `${example} --files src/slug.js`,
    )
  const paths = words.map((word) => {
    const path = /^(?:[/~\\]|[A-Za-z]:)/.test(word) ? undefined : safePath(word)
    if (path === undefined && /[*?{}]/.test(word))
      throw usage(
        `--files ${word} is a pattern, and patterns are not taken: name each file`,
        `${example} --files src/slug.js,src/words.js`,
      )
    if (path === undefined)
      throw usage(
        `--files ${word} is no path of a file inside the repository that may be written`,
        `${example} --files src/slug.js`,
      )
    return path
  })
  const files = [...new Set(paths)]
  if (files.length > mostFiles)
    throw usage(`--files names ${files.length} files; a unit of work has at most ${mostFiles}`)
  return files
}

/** The request as the operator would have it. */
export function specOf(
  { request, files }: Goal,
  facts: RepositoryFacts,
  more: { readonly model: string | undefined; readonly attempts: number | undefined },
): DevRequestSpec {
  const plan = files === undefined ? undefined : { units: [unitFor(request, files, facts)] }
  return devRequestSpec.parse({
    request,
    ...(more.model === undefined ? {} : { model: more.model }),
    ...(plan === undefined ? {} : { plan }),
    // An attempt has several tries by itself.
    limits: { maxAttempts: more.attempts ?? 1 },
  })
}

function unitFor(request: string, files: readonly string[], facts: RepositoryFacts): Unit {
  const goal = plainText(request, longestText)
  const { doneWhen } = oneUnit(request, facts)
  return { name: unitName({ goal, files }, new Set()), goal, files: [...files], doneWhen }
}

function usage(sentence: string, next = example): CliError {
  return new CliError(sentence, { next, exitCode: exitCodes.usage })
}
