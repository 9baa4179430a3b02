import type { IncomingMessage, ServerResponse } from 'node:http'
import { ensureRepository, integrate } from '../core/api/forge-protocol.ts'
import { readJson, sendJson } from '../core/base/http.ts'
import { judgeWish, type Identity } from './access.ts'
import { readBlob, readBranch, readTree } from './browse.ts'
import type { Forge } from './forge.ts'
import { ForgeRefusal } from './problem.ts'
import type { Route } from './routes.ts'
import { whoIs } from './serve-git.ts'

type ApiRoute = Exclude<Route, { kind: 'git' | 'health' | 'unknown' }>

/** One request of the JSON API, with who sent it. */
export interface ApiCall {
  readonly route: ApiRoute
  readonly identity: Identity
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Aborted when the caller is gone. */
  readonly signal: AbortSignal
}

const maxBytes = 64 * 1024

/** Answers the API of forge-protocol.ts. Errors: `ForgeRefusal`. */
export async function serveApi(forge: Forge, call: ApiCall): Promise<void> {
  const { route, identity, request, response, signal } = call
  const changing = route.kind === 'ensure' || route.kind === 'integrate'
  const decision = judgeWish(identity, changing ? 'change' : 'read')
  if (!decision.allowed) throw new ForgeRefusal('Forbidden', decision.message)
  // Work that was begun is finished even if the caller gives up; asking again finds it done.
  const patience = { signal: forge.signal, caller: signal }
  const { clock, git, log, repositories } = forge
  const { repository: name } = route
  const startedAt = clock.monotonic()
  const audit = () => ({
    who: whoIs(identity),
    repository: name,
    ms: Math.round(clock.monotonic() - startedAt),
  })

  if (route.kind === 'ensure') {
    const body = await readJson(request, ensureRepository, { maxBytes })
    const state = await repositories.ensure(name, body, patience)
    log.info({ ...audit(), ...state }, 'ensure repository')
    return sendJson(response, 200, state)
  }
  if (route.kind === 'integrate') {
    const body = await readJson(request, integrate, { maxBytes })
    const path = await repositories.pathOf(name)
    const result = await forge.integrator.integrate({ name, path }, body, patience)
    const { into, from, commit } = body
    log.info({ ...audit(), into, from, offered: commit, ...result }, 'integrate')
    return sendJson(response, 200, result)
  }
  const shelf = { git, path: await repositories.pathOf(name), signal }
  if (route.kind === 'branch') {
    return sendJson(response, 200, await readBranch(shelf, route.branch, route.base))
  }
  if (route.kind === 'tree') return sendJson(response, 200, await readTree(shelf, route.commit))
  const text = await readBlob(shelf, route.commit, route.path)
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.setHeader('x-content-type-options', 'nosniff')
  response.end(text)
}
