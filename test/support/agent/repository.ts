// A forge for tests: bare repositories behind `git http-backend`, open only to the right token.
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const identity = {
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@example.com',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@example.com',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
}

export interface TestForge {
  readonly url: string
  readonly repository: string
  /** Commit the request began from. */
  readonly base: string
  /** Runs git in the bare repository. */
  git(...args: string[]): string
  /** Moves the request's branch to a commit, as the forge does after a task. */
  integrate(commit: string): void
  close(): void
}

/**
 * Serves one repository `app` whose branches `main` and `guild/req` hold `files`. Links are written
 * as `-> target`.
 */
export async function startForge(
  files: Readonly<Record<string, string>>,
  token: string,
): Promise<TestForge> {
  const root = mkdtempSync(join(tmpdir(), 'forge-'))
  const bare = join(root, 'app.git')
  const tree = join(root, 'tree')
  mkdirSync(tree)
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: bare, env: { ...process.env, ...identity }, encoding: 'utf8' })
  mkdirSync(bare)
  git('init', '--quiet', '--bare', '--initial-branch=main', '.')
  git('config', 'http.receivepack', 'true')
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true })
    writeFileSync(join(tree, path), text)
  }
  const inTree = (...args: string[]): string => git(`--work-tree=${tree}`, ...args)
  inTree('add', '--all', '.')
  inTree('commit', '--quiet', '--allow-empty', '-m', 'Begin')
  git('branch', 'guild/req')
  const base = git('rev-parse', 'main').trim()

  const server = createServer((request, response) => {
    if (request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401).end()
      return
    }
    serveGit(root, request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    repository: 'app',
    base,
    git,
    integrate: (commit) => void git('update-ref', 'refs/heads/guild/req', commit),
    close: () => {
      server.close()
      server.closeAllConnections()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

function serveGit(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://forge')
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REQUEST_METHOD: request.method,
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      ...(request.headers['content-length'] === undefined
        ? {}
        : { CONTENT_LENGTH: request.headers['content-length'] }),
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      REMOTE_USER: 'agent',
    },
  })
  request.pipe(child.stdin)
  child.stdin.on('error', () => undefined)
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.on('close', () => {
    const all = Buffer.concat(chunks)
    const end = all.indexOf('\r\n\r\n')
    const headers = new Map(
      all
        .subarray(0, end)
        .toString()
        .split('\r\n')
        .map((line) => [
          line.slice(0, line.indexOf(':')).toLowerCase(),
          line.slice(line.indexOf(':') + 1).trim(),
        ]),
    )
    response.statusCode = Number(headers.get('status')?.split(' ')[0] ?? 200)
    headers.delete('status')
    for (const [name, value] of headers) response.setHeader(name, value)
    response.end(all.subarray(end + 4))
  })
}
