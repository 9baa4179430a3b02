// What the forge is to the cluster, in a folder: a bare repository that holds the request's branch.
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { git as gitNames } from '../../core/api/names.ts'
import type { Checkout } from './checkout.ts'

type Waiting = { readonly signal: AbortSignal }

export interface LocalForge {
  /** Base URL; agents clone `${url}/${repository}.git`. */
  readonly url: string
  readonly repository: string
  readonly branch: string
  /** The commit that the request starts from: the files of HEAD, without its history. */
  readonly base: string
  /** Lets git in the checkout read the commits of the branch. */
  readonly env: Readonly<Record<string, string>>
  /** Moves the branch on to a commit that stands on what the branch is at. */
  advance(commit: string, options: Waiting): Promise<void>
  head(): string
}

/**
 * Makes the forge below `folder`. It borrows the objects of the checkout and writes none there. Agents see one commit
 * instead of the history: what is in no shallow or partial clone is then never asked for.
 */
export async function openForge(
  checkout: Checkout,
  request: string,
  folder: string,
  options: Waiting,
): Promise<LocalForge> {
  const name = repositoryName(checkout.root)
  const bare = join(folder, `${name}.git`)
  const branch = gitNames.resultBranch(request)
  const git = async (args: readonly string[], input = ''): Promise<string> => {
    const env = { GIT_DIR: bare, ...identity }
    return (await checkout.git(args, { ...options, env, input })).toString('utf8').trim()
  }
  await mkdir(folder, { recursive: true })
  await git(['init', '--quiet', '--bare', '--template=', '--initial-branch=unused'])
  await mkdir(join(bare, 'objects', 'info'), { recursive: true })
  await writeFile(join(bare, 'objects', 'info', 'alternates'), `${checkout.objects}\n`)
  const message = `The state of ${checkout.head}\n`
  const base = await git(['commit-tree', `${checkout.head}^{tree}`, '-F', '-'], message)
  await git(['update-ref', `refs/heads/${branch}`, base])
  let head = base
  return {
    url: pathToFileURL(folder).href,
    repository: name,
    branch,
    base,
    env: { GIT_ALTERNATE_OBJECT_DIRECTORIES: join(bare, 'objects') },
    async advance(commit) {
      await git(['merge-base', '--is-ancestor', head, commit])
      await git(['update-ref', `refs/heads/${branch}`, commit, head])
      head = commit
    },
    head: () => head,
  }
}

/** As the forge would call it: the checkout's folder, in the letters that go into an address. */
function repositoryName(root: string): string {
  const plain = basename(root)
    .replaceAll(/[^\w.-]+/g, '-')
    .replace(/^[.-]+|[.-]+$|\.git$/g, '')
  return plain.slice(0, 60) || 'project'
}

const identity = {
  GIT_AUTHOR_NAME: gitNames.committerName,
  GIT_AUTHOR_EMAIL: gitNames.committerEmail,
  GIT_COMMITTER_NAME: gitNames.committerName,
  GIT_COMMITTER_EMAIL: gitNames.committerEmail,
}
