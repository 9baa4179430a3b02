// Sources as they are elsewhere: bare repositories behind git's own HTTP, open to everybody, for
// tests that mirror them.
import { execa } from 'execa'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { systemClock } from '../../../core/base/clock.ts'
import { createGit } from '../../../forge/git.ts'
import { decodedBody, runBackend } from '../../../forge/git-http.ts'
import { routeOf } from '../../../forge/routes.ts'

/** Runs git in a work tree and gives its output. */
export type SourceGit = (...args: readonly string[]) => Promise<string>

/** One source. */
export interface SourceRepository {
  readonly url: string
  /** The bare repository. */
  readonly bare: string
  /** Runs git in the bare repository. */
  readonly git: SourceGit
}

/** A server of sources. */
export interface SourceServer {
  readonly url: string
  readonly port: number
  /** The requests, as `GET /path`. */
  readonly asked: string[]
  /** Answers before git does; returns true when it did. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean
  /** Makes a repository: `make` works in its work tree, and everything is published. */
  make(
    make: (git: SourceGit, directory: string) => Promise<unknown>,
    init?: readonly string[],
  ): Promise<SourceRepository>
  stop(): Promise<void>
}

const people = {
  GIT_AUTHOR_NAME: 'T',
  GIT_AUTHOR_EMAIL: 't@example.com',
  GIT_COMMITTER_NAME: 'T',
  GIT_COMMITTER_EMAIL: 't@example.com',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
}

/** A git that runs in `directory`. `input` goes to its standard input. */
export function gitIn(directory: string, input?: string): SourceGit {
  return async (...args) => {
    const given = input === undefined ? {} : { input }
    return (await execa('git', args, { cwd: directory, env: people, ...given })).stdout
  }
}

/** Writes one file and commits it. */
export async function commitFile(
  git: SourceGit,
  directory: string,
  path = 'a.txt',
  text = path,
): Promise<string> {
  await mkdir(dirname(join(directory, path)), { recursive: true })
  await writeFile(join(directory, path), text)
  await git('add', '-A')
  await git('commit', '-q', '-m', path)
  return git('rev-parse', 'HEAD')
}

/** Starts a server on 127.0.0.1. */
export async function startSources(): Promise<SourceServer> {
  const root = await mkdtemp(join(tmpdir(), 'guildhall-source-'))
  const home = join(root, 'home')
  await mkdir(home)
  const git = createGit({ home, environment: process.env })
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    if (sources.intercept(request, response)) return
    const route = routeOf(request.method ?? '', request.url ?? '')
    if (route.kind !== 'git') {
      response.writeHead(404).end()
      return
    }
    const { repository, service, advertise } = route
    const body = advertise ? {} : { body: decodedBody(request) }
    const signal = new AbortController().signal
    const call = { root, repository, service, advertise, request, response, signal, user: '' }
    runBackend({ git, clock: systemClock }, { ...call, ...body }).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  let count = 0
  const sources: SourceServer = {
    url,
    port,
    asked,
    intercept: () => false,
    make: async (make, init = ['--initial-branch=main']) => {
      count += 1
      const work = join(root, `work-${count}`)
      const bare = join(root, `code-${count}.git`)
      await mkdir(work)
      await gitIn(work)('init', '-q', ...init)
      await make(gitIn(work), work)
      await gitIn(root)('clone', '-q', '--mirror', work, bare)
      return { url: `${url}/code-${count}.git`, bare, git: gitIn(bare) }
    },
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await rm(root, { recursive: true, force: true })
    },
  }
  return sources
}
