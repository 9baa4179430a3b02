// A real forge on a real port with real git, for tests. Only the Kubernetes API is played: tokens
// and tasks are given.
import { execa } from 'execa'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AgentTask } from '../../../core/api/agent-task.ts'
import { audiences } from '../../../core/api/names.ts'
import { type Clock, systemClock, systemRandom } from '../../../core/base/clock.ts'
import type { KubeClient } from '../../../core/kube/client.ts'
import { type ForgeParts, type ForgeOptions, createForge } from '../../../forge/forge.ts'
import { startServer } from '../../../forge/server.ts'
import { systemResolve } from '../../../forge/source-hosts.ts'

/** One line of the forge's log. */
interface LogLine {
  readonly level: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** The output of a git client. */
interface GitAnswer {
  readonly exitCode: number | undefined
  readonly output: string
}

/** A running forge and everything a test does with it. */
export interface ForgeFixture {
  readonly url: string
  readonly forge: ForgeParts
  readonly data: string
  /** A fresh directory that goes with the fixture. */
  directory(): Promise<string>
  /** The API server's verdicts on tokens; a test changes them to play another server. */
  readonly tokens: Map<string, TokenVerdict>
  readonly tasks: Map<string, AgentTask>
  readonly log: LogLine[]
  /** The commits of every branch that can be seen, by `refs/…`. */
  refs(repository: string): Promise<Readonly<Record<string, string>>>
  /** Runs git in `directory` as a client that shows `token`; never throws. */
  git(directory: string, token: string, ...args: readonly string[]): Promise<GitAnswer>
  /** Clones as `token` and returns the work tree. */
  clone(repository: string, token: string, ...args: readonly string[]): Promise<string>
  /** Writes files and commits them; returns the commit. */
  commit(directory: string, files: Readonly<Record<string, string | Buffer>>): Promise<string>
  /** Calls the API. */
  call(method: string, path: string, token: string, body?: unknown): Promise<Answer>
  /** Stops the server and keeps the data. */
  shutDown(graceMs: number): Promise<void>
  /** Stops the server and removes everything. */
  stop(): Promise<void>
}

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
  readonly text: string
}

const account = (name: string) => `system:serviceaccount:guildhall:guildhall-${name}`

/** The API server's verdict on a valid token of each kind. */
const verdicts = {
  operator: {
    authenticated: true,
    username: account('operator'),
    audiences: [audiences.forge],
  },
  reader: { authenticated: true, username: account('reader'), audiences: [audiences.forge] },
  agent: (podUid: string) => ({
    authenticated: true,
    username: account('agent'),
    audiences: [audiences.hub],
    podUid,
  }),
} as const

const at = '2026-01-02T03:04:05Z'

/** An AgentTask that the Pod `podUid` holds. */
export function heldTask(
  name: string,
  given: { repository?: string; podUid?: string; attempt?: number; finished?: boolean } = {},
): AgentTask {
  const { repository = 'shop', podUid = 'pod-1', attempt = 1, finished = false } = given
  const condition = (type: string, status: 'True' | 'False') => ({
    type,
    status,
    reason: 'Test',
    message: '',
    lastTransitionTime: at,
  })
  return {
    apiVersion: 'guildhall.dev/v1alpha1',
    kind: 'AgentTask',
    metadata: {
      name,
      namespace: 'guildhall',
      uid: `uid-${name}`,
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: at,
    },
    spec: {
      requestRef: { name: 'r1' },
      type: 'coding',
      action: 'code',
      title: name,
      goal: name,
      doneWhen: '',
      files: [],
      after: [],
      priority: 'normal',
      timeoutSeconds: 600,
      maxAttempts: 3,
      onFailure: 'FailRequest',
      repository,
      branch: 'guild/r1',
      model: '',
    },
    status: {
      conditions: [
        condition('Assigned', 'True'),
        condition('Finished', finished ? 'True' : 'False'),
      ],
      assignment: { agent: 'a1', podUid, attempt, at, deadline: at },
    },
  }
}

/** A clock whose wall time stands still, so that commits have known ids. */
const fixedClock: Clock = { ...systemClock, now: () => Date.parse(at) }

async function must(answer: Promise<GitAnswer>): Promise<string> {
  const { exitCode, output } = await answer
  if (exitCode !== 0) throw new Error(`git failed: ${output}`)
  return output
}

/** A source on this machine: what tests that mirror one allow. */
export const localSources = { allowedHosts: ['127.0.0.1'], allowPrivate: false } as const

/**
 * Starts a forge with tokens `operator`, `reader`, `agent-1` and `agent-2` (Pods `pod-1`, `pod-2`).
 */
export async function startForge(
  options: Partial<
    Pick<ForgeOptions, 'maxPushBytes' | 'reserveBytes' | 'data' | 'clock' | 'sources' | 'resolve'>
  > = {},
): Promise<ForgeFixture> {
  const scratch = await mkdtemp(join(tmpdir(), 'guildhall-forge-'))
  const data = options.data ?? join(scratch, 'data')
  await mkdir(data, { recursive: true })
  const end = new AbortController()
  const log: LogLine[] = []
  const write = (level: string) => (fields: object, message: string) => {
    log.push({ level, message, fields: { ...fields } })
  }
  const tokens = new Map<string, TokenVerdict>([
    ['operator', verdicts.operator],
    ['reader', verdicts.reader],
    ['agent-1', verdicts.agent('pod-1')],
    ['agent-2', verdicts.agent('pod-2')],
  ])
  const tasks = new Map<string, AgentTask>()
  const forge = await createForge({
    templates: fileURLToPath(new URL('../../../forge/templates', import.meta.url)),
    accounts: {
      namespace: 'guildhall',
      operator: 'guildhall-operator',
      agent: 'guildhall-agent',
      reader: 'guildhall-reader',
    },
    client: tokenClient((token) => tokens.get(token)),
    tasks: { read: async (name) => tasks.get(name) },
    clock: fixedClock,
    random: systemRandom,
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    maxPushBytes: 64 * 1024 * 1024,
    reserveBytes: 1024 * 1024,
    // Public hosts only, as the chart has it; the variable is for scripts that cannot pass an
    // option.
    sources: {
      allowedHosts: (process.env['FORGE_SOURCES_ALLOWED_HOSTS'] ?? '').split(',').filter(Boolean),
      allowPrivate: false,
    },
    resolve: systemResolve,
    environment: process.env,
    signal: end.signal,
    ...options,
    data,
  })
  const server = await startServer(forge, { port: 0, cutOff: () => end.abort() })
  const url = `http://127.0.0.1:${server.port}`
  let directories = 0

  const clientEnvironment = {
    PATH: process.env['PATH'] ?? '',
    HOME: scratch,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    LC_ALL: 'C',
    GIT_AUTHOR_NAME: 'Test',
    GIT_AUTHOR_EMAIL: 'test@example.com',
    GIT_COMMITTER_NAME: 'Test',
    GIT_COMMITTER_EMAIL: 'test@example.com',
    NO_PROXY: '127.0.0.1',
  }
  const git = async (directory: string, token: string, ...args: readonly string[]) => {
    const header = token === '' ? [] : ['-c', `http.extraHeader=Authorization: Bearer ${token}`]
    const { exitCode, all } = await execa('git', [...header, ...args], {
      cwd: directory,
      env: clientEnvironment,
      extendEnv: false,
      reject: false,
      all: true,
      timeout: 20_000,
    })
    return { exitCode, output: all }
  }
  const directory = async () => {
    directories += 1
    const path = join(scratch, `work-${directories}`)
    await mkdir(path)
    return path
  }
  let down: Promise<void> | undefined
  const shutDown = (graceMs: number) => (down ??= server.stop(graceMs))
  const stop = async () => {
    await shutDown(0)
    await rm(scratch, { recursive: true, force: true })
  }
  return {
    url,
    forge,
    data,
    tokens,
    tasks,
    log,
    git,
    directory,
    shutDown,
    stop,
    refs: async (repository) => {
      const path = join(data, 'repositories', `${repository}.git`)
      const args = ['for-each-ref', '--format=%(refname) %(objectname)']
      const output = await must(git(path, '', `--git-dir=${path}`, ...args))
      return Object.fromEntries(output.split('\n').map((line) => line.split(' ', 2)))
    },
    clone: async (repository, token, ...args) => {
      const path = await directory()
      await must(git(path, token, 'clone', '-q', ...args, `${url}/${repository}.git`, '.'))
      return path
    },
    commit: async (path, files) => {
      for (const [name, content] of Object.entries(files)) {
        await mkdir(dirname(join(path, name)), { recursive: true })
        await writeFile(join(path, name), content)
      }
      await must(git(path, '', 'add', '-A'))
      await must(git(path, '', 'commit', '-q', '--allow-empty', '-m', 'change'))
      return must(git(path, '', 'rev-parse', 'HEAD'))
    },
    call: async (method, path, token, body) => {
      const answer = await fetch(`${url}${path}`, {
        method,
        headers: token === '' ? {} : { authorization: `Bearer ${token}` },
        ...(body === undefined
          ? {}
          : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const text = await answer.text()
      const isJson = answer.headers.get('content-type')?.startsWith('application/json') === true
      const parsed: Record<string, unknown> = isJson ? JSON.parse(text) : {}
      return { status: answer.status, body: parsed, text }
    },
  }
}

/** One pkt-line of git's protocol. */
export const pktLine = (text: string): string =>
  (Buffer.byteLength(text) + 4).toString(16).padStart(4, '0') + text

/** Body that makes (or finds) a repository from a template. */
export const fromTemplate = (name: 'empty' | 'node' | 'python', request = 'r1') => ({
  source: { template: { name } },
  branch: `guild/${request}`,
  title: 'Price list',
})

/** What a played API server says about a token. */
export interface TokenVerdict {
  readonly authenticated: boolean
  /** Those of the asked audiences that the token is good for. */
  readonly audiences: readonly string[]
  readonly username: string
  /** The Pod that the token is bound to. */
  readonly podUid?: string | undefined
}

/**
 * A client whose API server answers a TokenReview with `verdictOf` the token; undefined for a token
 * that it does not know.
 */
export function tokenClient(
  verdictOf: (token: string) => TokenVerdict | undefined,
): Pick<KubeClient, 'create'> {
  const key = 'authentication.kubernetes.io'
  const create = async (_kind: unknown, review: { readonly spec: { readonly token: string } }) => {
    const verdict = verdictOf(review.spec.token)
    if (verdict === undefined) return { ...review, status: { authenticated: false } }
    const { authenticated, audiences, username, podUid } = verdict
    const extra =
      podUid === undefined ? {} : { [`${key}/pod-name`]: ['agent-1'], [`${key}/pod-uid`]: [podUid] }
    return { ...review, status: { authenticated, audiences, user: { username, extra } } }
  }
  return { create } as unknown as Pick<KubeClient, 'create'>
}
