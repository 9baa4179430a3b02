// The sandbox's HTTP server. It survives whatever is sent to it; a bad request is an answer, never an exception.
import { randomUUID } from 'node:crypto'
import { chmodSync, rmSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { z } from 'zod'
import { type ExecSettings, insideWorkspace, RefusedExec, runCommand } from './exec.ts'
import { execRequest, resetRequest } from './exec-protocol.ts'
import { killStrays } from './process-table.ts'

export interface SandboxSettings extends Omit<ExecSettings, 'marker'> {
  /** Path of the unix socket; an old one in its place is removed. */
  readonly socketPath: string
}

/** A running sandbox. `close` kills what runs and frees the socket. */
export interface Sandbox {
  close(): Promise<void>
}

const bodyLimitBytes = 1024 * 1024

/** Starts the server and resolves when it listens. Throws when the socket cannot be made. */
export async function startSandbox(settings: SandboxSettings): Promise<Sandbox> {
  const marker = `GUILDHALL_SANDBOX=${randomUUID()}`
  let turn: Promise<unknown> = Promise.resolve()
  let running = new AbortController()
  /** One command at a time: two would see each other's files and be killed as each other's strays. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work)
    turn = mine.catch(() => undefined)
    return mine
  }

  const routes: Record<string, (body: unknown, response: ServerResponse) => Promise<unknown>> = {
    'POST /exec': async (body, response) => {
      const request = execRequest.parse(body)
      return inTurn(async () => {
        const stop = new AbortController()
        running = stop
        // The agent hung up: nobody wants the result, so the command need not run on.
        const hungUp = (): void => stop.abort()
        response.once('close', hungUp)
        if (response.destroyed) stop.abort()
        try {
          return await runCommand(request, { ...settings, marker }, { signal: stop.signal })
        } finally {
          response.removeListener('close', hungUp)
          await keepSocket()
        }
      })
    },
    'POST /reset': async (body) => {
      const request = resetRequest.parse(body)
      running.abort()
      return inTurn(async () => {
        await killStrays(marker, {
          self: process.pid,
          group: undefined,
          ownsNamespace: settings.ownsNamespace,
          uid: process.getuid?.() ?? -1,
        })
        if (request.remove !== undefined) await removeFolder(request.remove, settings.workspace)
        return {}
      })
    },
    'GET /healthz': () => Promise.resolve({}),
  }

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const route = routes[`${request.method ?? ''} ${request.url ?? ''}`]
    if (!route) return answer(response, 404, { code: 'NotFound', message: 'no such route' })
    try {
      const body = request.method === 'GET' ? undefined : await readBody(request)
      answer(response, 200, await route(body, response))
    } catch (error) {
      answer(response, ...problemOf(error))
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

  /** A command can remove our socket or put its own in the place; the true one comes back before the next command. */
  async function keepSocket(): Promise<void> {
    if (socketInode(settings.socketPath) === inode) return
    // The old server is left to finish the answer it is giving; it is unreachable for anybody else.
    server = listenable()
    inode = await listen(server, settings.socketPath)
  }

  return {
    close: async () => {
      running.abort()
      await turn
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

function socketInode(path: string): number | undefined {
  try {
    return statSync(path).ino
  } catch {
    return undefined
  }
}

async function listen(server: Server, path: string): Promise<number> {
  rmSync(path, { recursive: true, force: true })
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
  return statSync(path).ino
}

async function removeFolder(path: string, workspace: string): Promise<void> {
  const real = await insideWorkspace(path, workspace).catch((error: unknown) => {
    if (error instanceof RefusedExec && error.message.includes('exist')) return undefined
    throw error
  })
  if (real === undefined) return
  if (real === (await insideWorkspace(workspace, workspace)))
    throw new RefusedExec('the workspace itself stays')
  // What belongs to the agent's user stays; it removes that itself.
  await rm(real, { recursive: true, force: true }).catch(() => undefined)
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    // The rest is read and thrown away: a caller that is still writing would not see the answer.
    if (size <= bodyLimitBytes) chunks.push(chunk)
  }
  if (size > bodyLimitBytes) throw new RefusedExec('the body is larger than 1 MiB')
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown
  } catch (cause) {
    throw new RefusedExec('the body is not JSON', { cause })
  }
}

function problemOf(error: unknown): [number, unknown] {
  if (error instanceof RefusedExec) return [400, { code: error.code, message: error.message }]
  if (error instanceof z.ZodError)
    return [400, { code: 'BadRequest', message: z.prettifyError(error).slice(0, 1000) }]
  console.error('sandbox request failed', error)
  return [500, { code: 'Internal', message: error instanceof Error ? error.message : 'unknown' }]
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed || response.headersSent) return
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
