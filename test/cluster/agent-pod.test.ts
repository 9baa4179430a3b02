// An agent Pod from inside: what it holds, what it may not have, and what it cannot reach.
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  allAgents,
  apply,
  devRequest,
  kubectl,
  removeRequest,
  tasksOf,
  tryKubectl,
  until,
} from './lab.ts'

let pod = ''
const inside = async (container: 'agent' | 'sandbox', script: string) =>
  tryKubectl(['exec', pod, '-c', container, '--', 'node', '-e', script])

beforeAll(async () => {
  await removeRequest('inside')
  await apply(
    devRequest('inside', {
      source: { template: { name: 'node' } },
      request: 'Write a haiku about Pods.',
    }),
  )
  pod = await until(
    'an agent Pod at work',
    async () => {
      const name = (await tasksOf('inside')).find((task) => task.spec.action === 'branch')?.status
        ?.assignment?.agent
      return (await allAgents()).find((agent) => agent.metadata.name === name)?.status?.podName
    },
    180,
  )
  // A request that waits keeps its agents for the idle time; one that is over does not.
  await kubectl(['patch', 'devrequest/inside', '--type=merge', '-p', '{"spec":{"suspend":true}}'])
})

afterAll(() => removeRequest('inside'))

test('it has two containers, each with its own user, and restricted security', async () => {
  const spec = JSON.parse(await kubectl(['get', 'pod', pod, '-o', 'json'])) as {
    spec: {
      automountServiceAccountToken: boolean
      containers: {
        name: string
        securityContext: Record<string, unknown>
        volumeMounts: { name: string }[]
      }[]
    }
  }
  const [agent, sandbox] = spec.spec.containers
  expect(spec.spec.automountServiceAccountToken).toBe(false)
  expect([agent?.name, sandbox?.name]).toEqual(['agent', 'sandbox'])
  expect(agent?.securityContext['runAsUser']).not.toBe(sandbox?.securityContext['runAsUser'])
  for (const container of [agent, sandbox])
    expect(container?.securityContext).toMatchObject({
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
    })
  expect(sandbox?.volumeMounts.map((mount) => mount.name)).not.toContain('hub-token')
  expect(sandbox?.volumeMounts.map((mount) => mount.name)).not.toContain('git')
})

test.each([
  ['the hub token', '/var/run/secrets/guildhall/hub/token'],
  ['a Kubernetes token', '/var/run/secrets/kubernetes.io/serviceaccount/token'],
  ['the git directory', '/git'],
])('the sandbox has no %s', async (_what, path) => {
  const { text } = await inside(
    'sandbox',
    `console.log(require('fs').existsSync('${path}') ? 'THERE' : 'absent')`,
  )
  expect(text).toContain('absent')
})

test('the agent has the hub token and no Kubernetes token', async () => {
  const { text } = await inside(
    'agent',
    `const fs = require('fs'); console.log(fs.existsSync('/var/run/secrets/guildhall/hub/token'), fs.existsSync('/var/run/secrets/kubernetes.io/serviceaccount/token'))`,
  )
  expect(text).toContain('true false')
})

test('no process of the agent can be seen from the sandbox', async () => {
  const { text } = await inside(
    'sandbox',
    `const fs = require('fs'); console.log(fs.readdirSync('/proc').filter((n) => /^\\d+$/.test(n)).map((n) => { try { return fs.readFileSync('/proc/' + n + '/cmdline', 'utf8') } catch { return '' } }).join('|'))`,
  )
  expect(text).toContain('sandbox.js')
  expect(text).not.toContain('agent.js')
})

test('the sandbox’s server runs below a process 1 that its own user cannot end', async () => {
  const { text } = await inside(
    'sandbox',
    `const fs = require('fs'); for (const s of ['SIGTERM', 'SIGKILL', 'SIGSTOP', 'SIGUSR1']) process.kill(1, s); let memory = 'READ'; try { fs.openSync('/proc/1/mem', 'r') } catch (e) { memory = e.code } setTimeout(() => console.log(memory, fs.readFileSync('/proc/1/cmdline', 'utf8').replaceAll('\\0', ' ')), 1000)`,
  )
  expect(text).toMatch(/EACCES python3 .*sandbox-init\.py .*--disable-sigusr1 .*sandbox\.js/)
})

test('neither container can write outside its volumes or become root', async () => {
  for (const container of ['agent', 'sandbox'] as const) {
    const { text } = await inside(
      container,
      `const fs = require('fs'); let wrote = 'refused'; try { fs.writeFileSync('/app/x', ''); wrote = 'WROTE' } catch {} ; console.log(wrote, process.getuid(), fs.readFileSync('/proc/self/status', 'utf8').match(/CapEff:\\s*(\\w+)/)[1], fs.readFileSync('/proc/self/status', 'utf8').match(/NoNewPrivs:\\s*(\\d)/)[1])`,
    )
    expect(text).toMatch(/refused 1000[12] 0000000000000000 1/)
  }
})

test('the token opens the hub only for its own work, and nothing without it', async () => {
  const ask = (auth: string) =>
    `const fs = require('fs'); const token = fs.readFileSync('/var/run/secrets/guildhall/hub/token', 'utf8'); fetch(process.env.GUILDHALL_HUB_URL + '/v1/model', { method: 'POST', headers: { authorization: ${auth} }, body: JSON.stringify({ task: 'not-mine', uid: 'x', attempt: 1, verb: 'write', purpose: 'x', system: 'x', sections: [], instruction: 'x', temperature: 0, seed: 1, maxTokens: 10 }) }).then((r) => console.log(r.status))`
  expect((await inside('agent', ask("'Bearer ' + token"))).text).toContain('409')
  expect((await inside('agent', ask("'Bearer nonsense'"))).text).toContain('401')
})

test('the agent’s identity has no rights on the Kubernetes API', async () => {
  const { text } = await tryKubectl([
    'auth',
    'can-i',
    '--list',
    '--as=system:serviceaccount:guildhall:guildhall-agent',
  ])
  expect(text).not.toMatch(/guildhall\.dev|pods|secrets|configmaps/)
})

test('nothing outside the cluster can be reached', async () => {
  for (const container of ['agent', 'sandbox'] as const) {
    const { text } = await inside(
      container,
      `const s = require('net').connect({ host: '192.0.2.2', port: 22, timeout: 3000 }); for (const e of ['timeout', 'error']) s.on(e, () => { console.log('closed'); process.exit() }); s.on('connect', () => { console.log('OPEN'); process.exit() })`,
    )
    expect(text).toContain('closed')
  }
})
