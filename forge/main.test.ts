// The forge as it runs in a Pod: its own process, its real Kubernetes client, signals. Only the API
// server is played.
import { execa } from 'execa'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { fromTemplate, heldTask } from '../test/support/forge/forge.ts'

// Starts a process; the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const account = (name: string) => `system:serviceaccount:team:guildhall-${name}`
const key = 'authentication.kubernetes.io'
const ofPod = { [`${key}/pod-name`]: ['agent-1'], [`${key}/pod-uid`]: ['pod-1'] }
const users: Record<string, { username: string; extra?: object }> = {
  'guildhall-forge:op-token': { username: account('operator') },
  'guildhall-hub:agent-token': { username: account('agent'), extra: ofPod },
}

let directory = ''
let api: Server
const asked: string[] = []
beforeEach(async () => {
  asked.length = 0
  directory = await mkdtemp(join(tmpdir(), 'guildhall-main-'))
  api = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const sent = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString())
      asked.push(`${request.method} ${request.url}`)
      const answer = reply(request.url ?? '', sent)
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
      response.end(
        JSON.stringify(answer ?? { kind: 'Status', reason: 'NotFound', message: 'none' }),
      )
    })
  })
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve))
  const server = `http://127.0.0.1:${(api.address() as AddressInfo).port}`
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'c', user: { token: 't' } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'c' } }],
  }
  await writeFile(join(directory, 'kubeconfig'), JSON.stringify(config))
})
afterEach(async () => {
  api.closeAllConnections()
  await new Promise((resolve) => api.close(resolve))
  await rm(directory, { recursive: true, force: true })
})

function reply(path: string, sent: { spec: { token: string; audiences: string[] } } | undefined) {
  if (path.startsWith('/apis/authentication.k8s.io/v1/tokenreviews') && sent !== undefined) {
    const { token, audiences } = sent.spec
    const granted = audiences.filter((audience) => users[`${audience}:${token}`] !== undefined)
    const user = users[`${granted[0]}:${token}`]
    const status = { authenticated: user !== undefined, audiences: granted, user }
    return { kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', status }
  }
  const known = '/apis/guildhall.dev/v1alpha1/namespaces/team/agenttasks/r1-code'
  return path === known ? heldTask('r1-code') : undefined
}

const start = (environment: Record<string, string>) =>
  execa(process.execPath, [fileURLToPath(new URL('./main.ts', import.meta.url))], {
    env: {
      PATH: process.env['PATH'] ?? '',
      KUBECONFIG: join(directory, 'kubeconfig'),
      NO_PROXY: '127.0.0.1',
      ...environment,
    },
    extendEnv: false,
    reject: false,
    all: true,
    timeout: 50_000,
  })

test('it starts, serves an agent by live questions to the API server, and ends cleanly', async () => {
  const data = join(directory, 'data')
  const forge = start({
    FORGE_DATA: data,
    PORT: '0',
    POD_NAMESPACE: 'team',
    FORGE_RESERVE_MIB: '1',
  })
  const port = await new Promise<number>((resolve, reject) => {
    let text = ''
    forge.all.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const found = /"port":(\d+)/.exec(text)?.[1]
      if (found !== undefined) resolve(Number(found))
    })
    forge.all.on('end', () => reject(new Error(text)))
  })
  const url = `http://127.0.0.1:${port}`
  const made = await fetch(`${url}/api/repositories/shop`, {
    method: 'PUT',
    headers: { authorization: 'Bearer op-token' },
    body: JSON.stringify(fromTemplate('node')),
  })
  if (made.status !== 200) forge.kill('SIGTERM')
  expect(made.status, made.status === 200 ? '' : (await forge).all).toBe(200)

  const git = (...args: readonly string[]) =>
    execa('git', ['-c', 'http.extraHeader=Authorization: Bearer agent-token', ...args], {
      cwd: directory,
      env: { NO_PROXY: '127.0.0.1', GIT_TERMINAL_PROMPT: '0' },
      reject: false,
      all: true,
    })
  const cloned = await git('clone', '-q', '-b', 'guild/r1', `${url}/shop.git`, 'work')
  expect(cloned.exitCode, cloned.all).toBe(0)
  const push = (task: string) => git('-C', 'work', 'push', 'origin', `HEAD:guild-task/${task}/1`)
  const own = await push('r1-code')
  expect(own.exitCode, own.all).toBe(0)
  const other = await push('r1-none')
  expect(other.all).toContain('AgentTask r1-none does not exist')
  expect(asked).toContain('GET /apis/guildhall.dev/v1alpha1/namespaces/team/agenttasks/r1-none')

  forge.kill('SIGTERM')
  const ended = await forge
  expect(ended.exitCode, ended.all).toBe(0)
  expect(ended.all).toContain('"outcome":"accepted"')
  expect(ended.all).not.toContain('agent-token')
})

test('it says which variables are missing', async () => {
  const ended = await start({ PORT: 'x' })
  expect(ended.exitCode).not.toBe(0)
  expect(ended.all).toMatch(/set these variables: FORGE_DATA: .*PORT: .*POD_NAMESPACE/)
})

test.for(['10.0.0.0/99', 'https://git.corp.example', 'git.corp.example:3000'])(
  'it does not start with %s as a host that sources may be on',
  async (host) => {
    const ended = await start({
      FORGE_DATA: join(directory, 'data'),
      POD_NAMESPACE: 'team',
      FORGE_SOURCES_ALLOWED_HOSTS: `git.example.com, ${host}`,
    })
    expect(ended.exitCode).not.toBe(0)
    expect(ended.all).toContain(`FORGE_SOURCES_ALLOWED_HOSTS: "${host}" is not a host name`)
  },
)
