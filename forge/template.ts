import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { Git } from './git.ts'

/** When commits are made, for git's environment (`git.ts` says by whom). Equal inputs give equal commit ids. */
export function commitDates(nowMs: number): Record<string, string> {
  const date = `${Math.floor(nowMs / 1000)} +0000`
  return { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date }
}

/** What the placeholders of a template stand for. */
export interface TemplateValues {
  /** `{{title}}`: one line. */
  readonly title: string
  /** `{{name}}`: a package name. */
  readonly name: string
}

/** The title on one line, without what would end a heading or hide text. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim()
}

/** A package name that npm and Python both take: lower-case letters, digits and hyphens; `project` when nothing is left. */
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
 * Writes the files of a template into a repository as its first commit. Returns the commit; no branch is made.
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
