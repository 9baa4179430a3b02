// A forge with tokens and tasks of every kind that must not get in, for the `refused-*.test.ts`.
import { symlink } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import type { TaskResult } from '../../../core/api/agent-task.ts'
import { audiences } from '../../../core/api/names.ts'
import { fromTemplate, heldTask, startForge, type ForgeFixture } from './forge.ts'
import type { TokenVerdict } from '../../../forge/identity.ts'

/** The branch that `agent-1` may push. */
export const ownRef = 'refs/heads/guild-task/r1-code/1'
/** A branch of `agent-1` that holds a commit already. */
export const pushedRef = 'refs/heads/guild-task/r1-old/1'

/** A forge with the repositories `shop` and `other`. */
export interface Scene {
  readonly fixture: ForgeFixture
  /** A clone of `shop` that is ahead of `guild/r1` and has not the commit at `pushedRef`. */
  readonly work: string
  /** Tip of `work`; the forge has not seen it. */
  readonly head: string
  /** A commit on the forge with a symbolic link named `link`. */
  readonly linked: string
  /** Every visible and hidden ref of both repositories. */
  allRefs(): Promise<object>
}

/** Starts the forge of all refusals. */
export async function setScene(): Promise<Scene> {
  const fixture = await startForge({ maxPushBytes: 1024 * 1024 })
  for (const name of ['shop', 'other']) {
    await fixture.call('PUT', `/api/repositories/${name}`, 'operator', fromTemplate('node'))
  }
  addTasks(fixture)
  addTokens(fixture.tokens)
  const work = await fixture.clone('shop', 'agent-1', '--branch', 'guild/r1')
  await symlink('/etc/passwd', join(work, 'link'))
  const linked = await fixture.commit(work, { 'old.txt': 'old' })
  const push = await fixture.git(work, 'agent-1', 'push', 'origin', `HEAD:${pushedRef}`)
  if (push.exitCode !== 0) throw new Error(push.output)
  await fixture.git(work, '', 'reset', '--hard', 'origin/guild/r1')
  const head = await fixture.commit(work, { 'new.txt': 'new' })
  const allRefs = async () => ({
    shop: await fixture.refs('shop'),
    other: await fixture.refs('other'),
  })
  return { fixture, work, head, linked, allRefs }
}

function addTasks({ tasks }: ForgeFixture): void {
  const result: TaskResult = {
    verdict: 'Done',
    summary: '',
    files: [],
    evidence: [],
    tries: 1,
    tokens: 0,
    durationSeconds: 1,
    notes: [],
    model: 'm',
  }
  const accepted = heldTask('r1-accepted')
  const free = heldTask('r1-free')
  const conditions = free.status?.conditions?.slice(1)
  const all = [
    heldTask('r1-old'),
    heldTask('r1-code'),
    heldTask('r1-second', { podUid: 'pod-2' }),
    heldTask('r1-later', { attempt: 2 }),
    heldTask('r1-done', { finished: true }),
    heldTask('r1-far', { repository: 'other' }),
    { ...accepted, status: { ...accepted.status, result } },
    { ...free, status: { ...free.status, conditions } },
  ]
  for (const task of all) tasks.set(task.metadata.name, task)
}

function addTokens(tokens: Map<string, TokenVerdict>): void {
  const account = (name: string, namespace = 'guildhall') =>
    `system:serviceaccount:${namespace}:${name}`
  const agent: TokenVerdict = {
    authenticated: true,
    username: account('guildhall-agent'),
    audiences: [audiences.hub],
    podUid: 'pod-1',
  }
  const both = { ...agent, audiences: [audiences.hub, audiences.forge] }
  const all: Record<string, TokenVerdict> = {
    'agent-forge': { ...agent, audiences: [audiences.forge] },
    'agent-kubernetes': { ...agent, audiences: [] },
    'agent-unbound': { ...agent, podUid: undefined },
    'agent-elsewhere': { ...agent, username: account('guildhall-agent', 'default') },
    'agent-dead': { ...agent, authenticated: false },
    'agent-nameless': { ...agent, username: '' },
    'operator-hub': { ...agent, username: account('guildhall-operator') },
    'operator-elsewhere': { ...both, username: account('guildhall-operator', 'default') },
    'operator-like': { ...both, username: account('guildhall-operator2') },
    'operator-user': { ...both, username: 'guildhall-operator' },
    'reader-hub': { ...agent, username: account('guildhall-reader') },
    default: { ...both, username: account('default') },
    person: { ...both, username: 'alice@example.com' },
  }
  for (const [token, verdict] of Object.entries(all)) tokens.set(token, verdict)
}

/**
 * Sends a path exactly as it is written; `fetch` would tidy it up. Text is read and sent as latin1.
 */
export function sendRaw(
  url: string,
  sent: {
    readonly method: string
    readonly path: string
    readonly token?: string
    readonly body?: string
    readonly headers?: Readonly<Record<string, string>>
  },
): Promise<{ readonly status: number; readonly text: string }> {
  const { method, path, token = 'agent-1', body = '', headers = {} } = sent
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const outgoing = httpRequest(
      { hostname, port, method, path, headers: { authorization: `Bearer ${token}`, ...headers } },
      (response) => {
        let text = ''
        response.setEncoding('latin1')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
        response.on('error', reject)
      },
    )
    outgoing.on('error', reject)
    outgoing.end(Buffer.from(body, 'latin1'))
  })
}
