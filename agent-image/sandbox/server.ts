// The sandbox's HTTP server. It survives all that is sent to it: a bad request is answered, and
// never ends the server.
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign,
} from 'node:crypto'
import { chmodSync, closeSync, lstatSync, readSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { checked, parseBody, Problem, readText } from '../../core/base/http.ts'
import { type ExecSettings, insideWorkspace, RefusedExec, runCommand } from './exec.ts'
import {
  begunStatus,
  execRequest,
  nonceHeader,
  requestLimitBytes,
  type ResetRequest,
  resetRequest,
  signatureHeader,
  signedText,
} from './exec-protocol.ts'
import { killStrays } from './processes.ts'
import { emptyFolder, removeOwn, removeTree } from './tidying.ts'

interface SandboxServerSettings extends Omit<ExecSettings, 'marker'> {
  /** Path of the unix socket; an old one in its place is removed. */
  readonly socketPath: string
  readonly identity: SandboxIdentity
}

/**
 * The header that signs an answer to the request at hand; empty when the caller did not ask for it.
 */
type Seal = (status: number, answer: string) => Readonly<Record<string, string>>

/** A running sandbox. `close` kills what runs and frees the socket. */
interface SandboxServer {
  close(): Promise<void>
}

/** Starts the server and resolves when it listens. Throws when the socket cannot be made. */
export async function startSandboxServer(settings: SandboxServerSettings): Promise<SandboxServer> {
  const marker = `GUILDHALL_SANDBOX=${randomUUID()}`
  let turn: Promise<unknown> = Promise.resolve()
  let running = new AbortController()
  /**
   * One command at a time: two would see each other's files and be killed as each other's strays.
   */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work)
    turn = mine.catch(() => undefined)
    return mine
  }

  const routes: Record<
    string,
    (body: unknown, response: ServerResponse, seal: Seal) => Promise<unknown>
  > = {
    'POST /exec': async (body, response, seal) => {
      const request = checked(execRequest, body)
      return inTurn(async () => {
        const stop = new AbortController()
        running = stop
        // The agent hung up: nobody wants the result, so the command need not run on.
        const hungUp = (): void => stop.abort()
        response.once('close', hungUp)
        try {
          if (response.destroyed) throw new RefusedExec('nobody waits for the result')
          // From here on the agent takes a broken connection for an effect of this command.
          response.writeEarlyHints({ link: '</exec>; rel=self', ...seal(begunStatus, '') })
          return await runCommand(request, { ...settings, marker }, { signal: stop.signal })
        } finally {
          response.removeListener('close', hungUp)
          await keepSocket()
        }
      })
    },
    'POST /reset': async (body) => {
      const request = checked(resetRequest, body)
      running.abort()
      return inTurn(async () => {
        await killStrays(marker, {
          self: process.pid,
          group: undefined,
          ownsNamespace: settings.ownsNamespace,
          uid: process.getuid?.() ?? -1,
        })
        await settings.scratch.clear()
        await removeLeft(request, settings)
        await keepSocket()
        return {}
      })
    },
    'GET /identity': () => Promise.resolve({ publicKey: settings.identity.publicKey }),
    'GET /healthz': () => Promise.resolve({}),
  }

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? ''
    const nonce = request.headers[nonceHeader]
    let text = ''
    const seal: Seal = (status, answer) =>
      typeof nonce === 'string'
        ? {
            [signatureHeader]: settings.identity.sign(
              signedText({ nonce, path, request: text, status, answer }),
            ),
          }
        : {}
    const answer = (status: number, body: unknown): void => {
      if (response.destroyed || response.headersSent) return
      const said = JSON.stringify(body)
      response.writeHead(status, { 'content-type': 'application/json', ...seal(status, said) })
      response.end(said)
    }
    try {
      const route = routes[`${request.method ?? ''} ${path}`]
      text = await readText(request, { maxBytes: requestLimitBytes })
      if (!route) throw new Problem(404, 'NotFound', 'no such route')
      const body = request.method === 'GET' ? undefined : parseBody(text)
      answer(200, await route(body, response, seal))
    } catch (error) {
      const { status, code, message } = problemOf(error)
      answer(status, { code, message })
    }
  }

  let server = listenable()
  function listenable(): Server {
    const made = createServer((request, response) => {
      response.on('error', () => undefined)
      handle(request, response).catch(() => response.destroy())
    })
    made.on('clientError', (_error, socket) => socket.destroy())
    made.requestTimeout = 0
    return made
  }

  let inode = await listen(server, settings.socketPath)

  /**
   * A command can remove our socket or put its own in the place; the true one comes back before the
   * next command.
   */
  async function keepSocket(): Promise<void> {
    if (socketInode(settings.socketPath) === inode) return
    // The old server is closed first, because closing removes whatever has the path. Connections
    // stay until their answers are given.
    server.close()
    server = listenable()
    inode = await listen(server, settings.socketPath).catch((error: unknown) => {
      // Nobody can reach this server any more; process 1 starts another one.
      console.error('sandbox server lost its socket', error)
      process.exit(1)
    })
  }

  return {
    close: async () => {
      running.abort()
      await turn
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
      await settings.scratch.close()
    },
  }
}

function socketInode(path: string): number | undefined {
  try {
    return lstatSync(path).ino
  } catch {
    return undefined
  }
}

async function listen(server: Server, path: string): Promise<number> {
  await removeTree(path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.removeListener('error', reject)
      server.on('error', (error) => console.error('sandbox server', error))
      resolve()
    })
  })
  // The agent runs as another user; the group is the one thing they share.
  chmodSync(path, 0o660)
  return lstatSync(path).ino
}

/** Carries out a reset. Files of the agent's user stay, and the agent removes them itself. */
async function removeLeft(
  { remove, empty }: ResetRequest,
  { workspace, ownsNamespace }: SandboxServerSettings,
): Promise<void> {
  if (remove !== undefined) {
    const path = await entryOf(remove, workspace)
    if (path !== undefined) await removeTree(path)
  }
  if (empty !== undefined) {
    const path = await entryOf(empty, workspace)
    if (path !== undefined) await emptyFolder(path)
  }
  // Only in a Pod is the agent surely another user, whose files stay.
  if (remove === undefined && empty === undefined && ownsNamespace && process.getuid?.() !== 0)
    await removeOwn(workspace)
}

/**
 * The real path of an entry below the workspace; undefined when its folder is not there. The entry
 * itself may be a link, and then the link is removed. Throws `RefusedExec` for the workspace and
 * for all outside.
 */
async function entryOf(path: string, workspace: string): Promise<string | undefined> {
  const name = basename(path)
  if (name === '' || name === '.' || name === '..') throw new RefusedExec('the path has no name')
  const root = await realpath(workspace)
  if ((await realpath(path).catch(() => undefined)) === root)
    throw new RefusedExec('the workspace itself stays')
  const parent = await insideWorkspace(dirname(path), workspace).catch((error: unknown) => {
    if (error instanceof RefusedExec && error.message.includes('exist')) return undefined
    throw error
  })
  return parent === undefined ? undefined : join(parent, name)
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof RefusedExec) return new Problem(400, error.code, error.message)
  console.error('sandbox request failed', error)
  return new Problem(500, 'Internal', error instanceof Error ? error.message : 'unknown')
}

/**
 * The key that the server signs its answers with. A command runs as the server's user, so it can end
 * the server and listen in its place; it cannot sign.
 */
export interface SandboxIdentity {
  /** DER (SPKI), base64; for `GET /identity`. */
  readonly publicKey: string
  /** Base64. */
  sign(text: string): string
}

/**
 * The identity whose Ed25519 seed (32 bytes) waits at a descriptor, where process 1 put it; the
 * descriptor is closed. Without one, a new identity. Throws when the seed is not whole.
 */
export function takeIdentity(descriptor: number | undefined): SandboxIdentity {
  if (descriptor === undefined) return identityOf(generateKeyPairSync('ed25519').privateKey)
  const seed = Buffer.alloc(32)
  const length = readSync(descriptor, seed)
  closeSync(descriptor)
  if (length !== seed.length) throw new Error('the sandbox was given no whole key')
  // A seed in PKCS #8 (RFC 8410, section 7) is this head and the seed.
  const head = Buffer.from('302e020100300506032b657004220420', 'hex')
  const key = createPrivateKey({ key: Buffer.concat([head, seed]), format: 'der', type: 'pkcs8' })
  return identityOf(key)
}

function identityOf(key: KeyObject): SandboxIdentity {
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).toString('base64')
  return { publicKey, sign: (text) => sign(null, Buffer.from(text), key).toString('base64') }
}
