import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { EnsureRepository } from '../core/api/forge-protocol.ts'
import { commitAt, type Git } from './git.ts'
import { ForgeRefusal } from './problem.ts'
import { hiddenRefs, isCommitId, isRefName } from './ref-names.ts'
import { readSourceUrl } from './source-url.ts'

/** Where a repository comes from. */
export type Source = EnsureRepository['source']

/**
 * One line that says where a repository comes from; kept in its config, so that a name never
 * changes its meaning.
 */
export function sourceLine(source: Source): string {
  if ('template' in source) return `template ${source.template.name}`
  if ('git' in source) return `git ${source.git.url}`
  return `repository ${source.repository.name}`
}

/** Branches and tags of the source, apart from the forge's own. */
export const upstream = {
  heads: `${hiddenRefs}/upstream/heads/`,
  tags: `${hiddenRefs}/upstream/tags/`,
} as const

/**
 * Checks what a source says before anything is made. Errors: BadRequest with the field to correct.
 */
export function checkSource(source: Source): void {
  if ('template' in source) return
  if ('git' in source) readSourceUrl(source.git.url)
  const { ref } = 'git' in source ? source.git : source.repository
  if (ref !== undefined && !isRefName(ref)) {
    throw new ForgeRefusal(
      'BadRequest',
      `${JSON.stringify(ref)} is not the name of a branch, tag or commit (git check-ref-format); set spec.source.${'git' in source ? 'git' : 'repository'}.ref.`,
    )
  }
}

/** Most names of branches in a sentence. */
const mostNames = 10

/** `main, dev and 3 more`. */
export function someOf(names: readonly string[]): string {
  const more = names.length - mostNames
  const shown = names.slice(0, mostNames).join(', ')
  return more > 0 ? `${shown} and ${more} more` : shown
}

/**
 * The commit to start from: branch, tag or full commit id `ref`, or the default branch.
 * Errors: SourceUnavailable when there is no such ref; it names the branches there are.
 */
export async function resolveStart(options: {
  readonly git: Git
  readonly repository: string
  readonly label: string
  readonly ref: string | undefined
  readonly defaultBranch: string | undefined
  /** Where branches and tags are looked for, in this order. */
  readonly places: readonly string[]
  readonly signal: AbortSignal
}): Promise<string> {
  const { git, repository, label, ref, places, signal } = options
  const name = ref ?? options.defaultBranch
  if (name === undefined) throw new ForgeRefusal('SourceUnavailable', `${label} has no branch.`)
  const candidates = places.map((place) => `${place}${name}`)
  if (isCommitId(name)) candidates.push(name)
  for (const candidate of candidates) {
    const commit = await commitAt(git, repository, candidate, { signal })
    if (commit !== undefined) return commit
  }
  const [heads = ''] = places
  const list = ['for-each-ref', '--format=%(refname)', heads]
  const { stdout } = await git.run(list, { repository, signal })
  const names = stdout
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [line.slice(heads.length)]))
  throw new ForgeRefusal(
    'SourceUnavailable',
    `${label} has no branch, tag or commit named ${name}; its branches: ${someOf(names)}.`,
  )
}

/**
 * When commits are made, for git's environment (`git.ts` says by whom). Equal inputs give equal
 * commit ids.
 */
export function commitDates(nowMs: number): Record<string, string> {
  const date = `${Math.floor(nowMs / 1000)} +0000`
  return { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date }
}

/** What the placeholders of a template stand for. */
interface TemplateValues {
  /** `{{title}}`: one line. */
  readonly title: string
  /** `{{name}}`: a package name. */
  readonly name: string
}

/** The title on one line, without what would end a heading or hide text. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim()
}

/**
 * A package name that npm and Python both take: lower-case letters, digits and hyphens; `project`
 * when nothing is left.
 */
export function packageName(title: string): string {
  const name = title
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/\p{M}+/gu, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 60)
    .replaceAll(/^-+|-+$/g, '')
  return name || 'project'
}

function filled(text: string, values: TemplateValues): string {
  return text.replaceAll(/\{\{(title|name)\}\}/g, (_, key: string) =>
    key === 'title' ? values.title : values.name,
  )
}

/**
 * Writes the files of a template into a repository as its first commit. Returns the commit; no
 * branch is made.
 * Caveat: templates hold plain text files only; none is executable.
 */
export async function commitTemplate(options: {
  readonly git: Git
  readonly repository: string
  /** Directory of this template. */
  readonly directory: string
  readonly values: TemplateValues
  readonly nowMs: number
  readonly signal: AbortSignal
}): Promise<string> {
  const { git, repository, directory, values, signal } = options
  const found = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
  const entries: string[] = []
  for (const file of files) {
    const input = filled(await readFile(file, 'utf8'), values)
    const { stdout } = await git.run(['hash-object', '-w', '--stdin'], {
      repository,
      input,
      signal,
    })
    const path = relative(directory, file).split(sep).join('/')
    entries.push(`100644 ${stdout.trim()}\t${path}\0`)
  }
  // An index of its own: a bare repository has none, and two of them could meet.
  const environment = { GIT_INDEX_FILE: join(repository, 'template.index') }
  const run = (args: readonly string[], input?: string) =>
    git.run(args, {
      repository,
      signal,
      environment: { ...environment, ...commitDates(options.nowMs) },
      ...(input === undefined ? {} : { input }),
    })
  await run(['update-index', '-z', '--index-info'], entries.join(''))
  const tree = (await run(['write-tree'])).stdout.trim()
  const commit = await run(['commit-tree', tree, '-F', '-'], `Start ${values.title}\n`)
  return commit.stdout.trim()
}
