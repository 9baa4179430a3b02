import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { Clock } from '../core/base/clock.ts'
import type { Git } from './git.ts'
import { diskFull, ForgeRefusal, refusalOf, saysNoSpace } from './problem.ts'

/** One of the two services of git's smart HTTP. */
export type GitService = 'git-upload-pack' | 'git-receive-pack'

/** A request for `git http-backend`, already authenticated and allowed. */
interface BackendRequest {
  /** Holds the bare repositories `<name>.git`. */
  readonly root: string
  readonly repository: string
  readonly service: GitService
  /** True for `GET info/refs`, false for the POST. */
  readonly advertise: boolean
  readonly user: string
  readonly request: IncomingMessage
  /** Body of the POST, decoded. */
  readonly body?: Readable
  readonly response: ServerResponse
  readonly settings?: Readonly<Record<string, string>>
  readonly environment?: Readonly<Record<string, string>>
  /** Aborted when the client is gone or the server has to stop: git is killed then. */
  readonly signal: AbortSignal
}

const killAfterMs = 2_000
/**
 * So many bytes of a refused body are read and thrown away, so that the client reads the answer.
 */
const maxDrainBytes = 1024 * 1024 * 1024

/**
 * The body of a request, unpacked if the client sent it with gzip. Errors: BadRequest for any other
 * encoding.
 */
export function decodedBody(request: IncomingMessage): Readable {
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding === 'identity') return request
  if (encoding !== 'gzip' && encoding !== 'x-gzip') {
    throw new ForgeRefusal('BadRequest', `The content encoding ${encoding} is not supported.`)
  }
  const unpacked = createGunzip()
  // The reader of `unpacked` gets the error; a client that goes away must not leave it waiting.
  pipeline(request, unpacked).catch(() => undefined)
  return unpacked
}

/**
 * Runs `git http-backend` for one request and streams both ways.
 * Guarantees: nothing is buffered as a whole; when the signal is aborted, git and all its children
 * are killed; an early answer (a refused pack) reaches the client, because the rest of the body is
 * taken in and thrown away.
 * Errors: DiskFull or an Error when git failed before it answered; after that the connection is
 * cut.
 */
export async function runBackend(
  { git, clock }: { readonly git: Git; readonly clock: Clock },
  call: BackendRequest,
): Promise<void> {
  const { response, signal, body } = call
  signal.throwIfAborted()
  // Not execa: http-backend starts others, so it gets a process group of its own, and all of them
  // go together.
  const child = spawn('git', ['http-backend'], {
    env: { ...git.environment(call.settings), ...cgiEnvironment(call), ...call.environment },
    cwd: call.root,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const closed = once(child, 'close')
  const kill = () => {
    killGroup(child.pid, 'SIGTERM')
    child.once(
      'close',
      clock.after(killAfterMs, () => killGroup(child.pid, 'SIGKILL')),
    )
  }
  signal.addEventListener('abort', kill, { once: true })
  let complaints = ''
  child.stderr.on('data', (chunk: Buffer) => {
    complaints = (complaints + chunk.toString('utf8')).slice(-2000)
  })
  try {
    await Promise.all([feed(body, child.stdin), answer(child.stdout, response), closed])
    signal.throwIfAborted()
    if (!response.writableEnded) response.end()
  } catch (error) {
    if (child.exitCode === null && child.signalCode === null) kill()
    child.stdout.destroy()
    await closed.catch(() => undefined)
    signal.throwIfAborted()
    if (response.headersSent) response.destroy()
    throw failure(complaints, error)
  } finally {
    signal.removeEventListener('abort', kill)
  }
}

function failure(complaints: string, cause: unknown): unknown {
  if (saysNoSpace(complaints)) return diskFull(cause)
  if (refusalOf(cause).code !== 'Internal') return cause
  return new Error(`git http-backend failed: ${complaints.trim() || 'no answer'}`, { cause })
}

function cgiEnvironment(call: BackendRequest): Record<string, string> {
  const { request, service, advertise } = call
  const version = request.headers['git-protocol']
  return {
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_PROTOCOL: 'HTTP/1.1',
    REQUEST_METHOD: advertise ? 'GET' : 'POST',
    GIT_PROJECT_ROOT: call.root,
    GIT_HTTP_EXPORT_ALL: '1',
    PATH_INFO: `/${call.repository}.git/${advertise ? 'info/refs' : service}`,
    QUERY_STRING: advertise ? `service=${service}` : '',
    CONTENT_TYPE: advertise ? '' : `application/x-${service}-request`,
    REMOTE_USER: call.user,
    // Only the forms that git itself sends; the value ends up in git's environment.
    ...(typeof version === 'string' && /^version=[0-2]$/.test(version)
      ? { GIT_PROTOCOL: version }
      : {}),
  }
}

/** Writes the body into git; git may stop reading early, and that is not a failure. */
async function feed(body: Readable | undefined, stdin: Writable): Promise<void> {
  let drained = 0
  let wake = () => {}
  for (const event of ['drain', 'error', 'close']) stdin.on(event, () => wake())
  const chunks: AsyncIterable<Buffer> = body ?? Readable.from([])
  for await (const chunk of chunks) {
    if (!stdin.writable) {
      drained += chunk.length
      if (drained > maxDrainBytes) throw new Error('the client goes on sending a refused push')
    } else if (!stdin.write(chunk)) {
      const { promise, resolve } = Promise.withResolvers<void>()
      wake = resolve
      await promise
    }
  }
  if (stdin.writable) stdin.end()
}

/** Reads the CGI head, then passes the body on. */
async function answer(stdout: Readable, response: ServerResponse): Promise<void> {
  const body = await openAnswer(stdout, response)
  response.write(body)
  await pipeline(stdout, response)
}

/**
 * Sets status and headers; returns what was read of the body. The stream must be let go before it
 * is piped.
 */
async function openAnswer(stdout: Readable, response: ServerResponse): Promise<Buffer> {
  let early = Buffer.alloc(0)
  const chunks: AsyncIterable<Buffer> = stdout.iterator({ destroyOnReturn: false })
  for await (const chunk of chunks) {
    early = Buffer.concat([early, chunk])
    const head = readCgiHead(early)
    if (head === undefined) continue
    response.statusCode = head.status
    for (const [name, value] of head.headers) response.setHeader(name, value)
    return early.subarray(head.bodyAt)
  }
  throw new Error('git http-backend gave no answer')
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // It is gone already.
  }
}

/**
 * The head of a CGI answer (RFC 3875, section 6): status and headers, and where the body begins.
 */
interface CgiHead {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  /** Offset of the first byte of the body. */
  readonly bodyAt: number
}

const maxHeadBytes = 16 * 1024

/**
 * Reads the head if all of it is there; undefined while it is not.
 * Errors: throws for a head that is no CGI head or longer than 16 KiB.
 */
export function readCgiHead(bytes: Buffer): CgiHead | undefined {
  const end = /\r?\n\r?\n/.exec(bytes.toString('latin1', 0, maxHeadBytes))
  if (end === null) {
    if (bytes.length >= maxHeadBytes) throw new Error('the CGI answer has no end of its headers')
    return undefined
  }
  let status = 200
  const headers: [string, string][] = []
  for (const line of bytes.toString('latin1', 0, end.index).split(/\r?\n/)) {
    const [, name, value] = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line) ?? []
    if (name === undefined || value === undefined) {
      throw new Error('the CGI answer has a line that is not a header')
    }
    if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10) || 500
    else headers.push([name, value])
  }
  return { status, headers, bodyAt: end.index + end[0].length }
}
