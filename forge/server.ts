import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { goneSignal, sendProblem } from '../core/base/http.ts'
import { CrowdedError } from '../core/kube/token-review.ts'
import type { Identity } from './access.ts'
import type { ForgeParts } from './forge.ts'
import { tokenOf } from './identity.ts'
import { ForgeRefusal, refusalOf } from './problem.ts'
import { routeOf, type Route } from './routes.ts'
import { serveApi } from './serve-api.ts'
import { serveGit } from './serve-git.ts'

/** A forge that takes requests. */
interface ForgeServer {
  readonly port: number
  /**
   * Takes nothing new, lets requests finish for up to `graceMs`, then cuts them off. Never rejects.
   */
  stop(graceMs: number): Promise<void>
}

const requestMs = 15 * 60_000
const headersMs = 30_000

/**
 * Starts listening. `cutOff` ends the work of requests that did not finish in time; it must abort
 * `forge.signal`.
 * Errors: when the port cannot be had.
 */
export async function startServer(
  forge: ForgeParts,
  options: { readonly port: number; readonly cutOff: () => void },
): Promise<ForgeServer> {
  const running = new Set<Promise<void>>()
  const server = createServer({ requestTimeout: requestMs, headersTimeout: headersMs })
  server.on('request', (request, response) => {
    const work = handle(forge, request, response).finally(() => running.delete(work))
    running.add(work)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  return {
    port,
    stop: async (graceMs) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeIdleConnections()
      const over = new AbortController()
      const late = forge.clock.sleep(graceMs, { signal: over.signal }).then(
        () => true,
        () => false,
      )
      const finished = Promise.allSettled(running).then(() => false)
      if (await Promise.race([late, finished])) {
        forge.log.warn({ requests: running.size }, 'cutting off requests that did not finish')
      }
      over.abort()
      options.cutOff()
      await Promise.allSettled(running)
      server.closeAllConnections()
      await closed
    },
  }
}

/** One request from beginning to end. Never rejects. */
async function handle(
  forge: ForgeParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = goneSignal(response)
  const signal = AbortSignal.any([forge.signal, gone])
  const route = routeOf(request.method ?? '', request.url ?? '')
  try {
    await dispatch(forge, route, request, response, signal)
  } catch (error) {
    if (gone.aborted) return
    const refusal = refusalOf(error)
    const where = { route, code: refusal.code, reason: refusal.message }
    if (refusal.code === 'Internal') forge.log.error({ ...where, err: error }, 'request failed')
    else forge.log.warn(where, 'request refused')
    refuse(route, response, refusal)
  }
}

async function dispatch(
  forge: ForgeParts,
  route: Route,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  if (route.kind === 'health') {
    response.setHeader('content-type', 'text/plain')
    response.end('ok\n')
    return
  }
  const identity = await identify(forge, request)
  if (route.kind === 'unknown') {
    const code = route.status === 404 ? 'NotFound' : 'BadRequest'
    throw new ForgeRefusal(code, route.message, { status: route.status })
  }
  const call = { identity, request, response, signal }
  await (route.kind === 'git'
    ? serveGit(forge, { ...call, route })
    : serveApi(forge, { ...call, route }))
}

async function identify(forge: ForgeParts, request: IncomingMessage): Promise<Identity> {
  const token = tokenOf(request)
  if (token === undefined) {
    throw new ForgeRefusal('Unauthorized', 'A token is needed: as Bearer, or as a Basic password.')
  }
  const recognition = await forge.identities.recognize(token).catch((cause: unknown) => {
    if (cause instanceof CrowdedError) {
      throw new ForgeRefusal('Unauthorized', `The token is not known yet: ${cause.message}.`, {
        status: 429,
        cause,
      })
    }
    throw new ForgeRefusal('Internal', 'The Kubernetes API cannot be asked right now; try again.', {
      status: 503,
      cause,
    })
  })
  if (recognition.kind === 'known') return recognition.identity
  const code = recognition.kind === 'unknown' ? 'Unauthorized' : 'Forbidden'
  throw new ForgeRefusal(code, recognition.message)
}

/** A refusal is plain text for git, which shows it to the person, and JSON for everybody else. */
function refuse(route: Route, response: ServerResponse, refusal: ForgeRefusal): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  if (refusal.status === 401)
    response.setHeader('www-authenticate', 'Basic realm="guildhall forge"')
  if (route.kind !== 'git') {
    sendProblem(response, refusal)
    return
  }
  response.statusCode = refusal.status
  // What is left of the body is not read; the connection cannot be used again.
  response.setHeader('connection', 'close')
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.end(`${refusal.message}\n`)
}
