import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  judgeCommands,
  judgeTask,
  judgeWish,
  type AccessDecision,
  type Identity,
} from './access.ts'
import type { ForgeParts } from './forge.ts'
import { commitAt } from './git.ts'
import { decodedBody, runBackend } from './git-http.ts'
import { ForgeRefusal, refusalOf } from './problem.ts'
import { openPush, pushEnvironment, pushSettings, refusalReport } from './push-guard.ts'
import { hiddenRefs } from './ref-names.ts'
import type { Route } from './routes.ts'

type GitRoute = Extract<Route, { kind: 'git' }>

/** One request of a git client, with who sent it. */
interface GitCall {
  readonly route: GitRoute
  readonly identity: Identity
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly signal: AbortSignal
}

/** What every git service here allows and hides. Shallow and partial clones are welcome. */
const commonSettings: Readonly<Record<string, string>> = {
  'transfer.hideRefs': hiddenRefs,
  'uploadpack.allowFilter': 'true',
  'http.getanyfile': 'false',
  'http.uploadpack': 'true',
}

/**
 * Answers clone, fetch and push. Errors: refusals that a git client shows best as an HTTP failure.
 */
export async function serveGit(forge: ForgeParts, call: GitCall): Promise<void> {
  const { route, identity } = call
  const pushing = route.service === 'git-receive-pack'
  permit(judgeWish(identity, pushing ? 'push' : 'clone'))
  await forge.repositories.pathOf(route.repository)
  if (pushing && !route.advertise) return servePush(forge, call)
  // Said before the client has packed anything.
  if (pushing) await forge.disk.room()
  await runBackend(forge, {
    ...backend(forge, call),
    settings: { ...commonSettings, 'http.receivepack': pushing ? 'true' : 'false' },
    environment: pushEnvironment(undefined),
    ...(route.advertise ? {} : { body: decodedBody(call.request) }),
  })
  if (!route.advertise) {
    forge.log.debug({ who: whoIs(identity), repository: route.repository }, 'fetched')
  }
}

async function servePush(forge: ForgeParts, call: GitCall): Promise<void> {
  const { clock, log } = forge
  const { route, identity, response, request } = call
  const startedAt = clock.monotonic()
  const length = Number(request.headers['content-length'] ?? 0)
  if (length > forge.maxPushBytes) {
    throw new ForgeRefusal('BadRequest', tooLarge(forge.maxPushBytes), { status: 413 })
  }
  const { head, body } = await openPush(decodedBody(request))
  const { commands } = head
  const audit = { who: whoIs(identity), repository: route.repository, commands }
  const refuse = async (message: string, status: number) => {
    log.warn({ ...audit, outcome: 'refused', reason: message }, 'push')
    const report = refusalReport(head, message)
    if (report === undefined) throw new ForgeRefusal('Forbidden', message, { status })
    await drain(body, forge.maxPushBytes)
    response.setHeader('content-type', 'application/x-git-receive-pack-result')
    response.setHeader('cache-control', 'no-cache')
    response.end(report)
  }

  const asked = commands.length === 0 ? undefined : judgeCommands(commands)
  if (asked?.allowed === false) return refuse(asked.message, 403)
  if (asked !== undefined) {
    const wanted = { repository: route.repository, task: asked.task, attempt: asked.attempt }
    const task = await forge.tasks.read(asked.task, { signal: call.signal })
    const decision = judgeTask(identity, wanted, task)
    if (!decision.allowed) return refuse(decision.message, 403)
  }
  let room: number
  try {
    room = await forge.disk.room()
  } catch (error) {
    const { message, status } = refusalOf(error)
    return refuse(message, status)
  }
  const maxBytes = Math.min(forge.maxPushBytes, room)
  await runBackend(forge, {
    ...backend(forge, call),
    body,
    settings: {
      ...commonSettings,
      ...pushSettings({ hooks: forge.hooks, maxBytes }),
      'http.receivepack': 'true',
    },
    environment: pushEnvironment(asked?.ref),
  })
  if (asked === undefined) return
  const path = await forge.repositories.pathOf(route.repository)
  const tip = await commitAt(forge.git, path, asked.ref, { signal: forge.signal })
  const outcome = tip === commands[0]?.newId ? 'accepted' : 'refused by git'
  const ms = Math.round(clock.monotonic() - startedAt)
  log.info({ ...audit, outcome, ms }, 'push')
}

function backend(forge: ForgeParts, call: GitCall) {
  const { route, identity, request, response, signal } = call
  const { repository, service, advertise } = route
  const common = { root: forge.root, repository, service, advertise, request, response, signal }
  return { ...common, user: whoIs(identity) }
}

/** How a speaker is named in the log: an agent by its Pod. */
export function whoIs(identity: Identity): string {
  return identity.kind === 'agent' ? `agent pod ${identity.podUid}` : identity.name
}

const tooLarge = (bytes: number) =>
  `A push may have at most ${Math.floor(bytes / 1024 / 1024)} MiB; keep large files out of git.`

function permit(decision: AccessDecision): void {
  if (!decision.allowed) throw new ForgeRefusal('Forbidden', decision.message)
}

/**
 * Takes in the rest of a body, so that the client has sent everything before it reads the refusal.
 */
async function drain(body: AsyncIterable<Buffer>, maxBytes: number): Promise<void> {
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new ForgeRefusal('BadRequest', tooLarge(maxBytes), { status: 413 })
  }
}
