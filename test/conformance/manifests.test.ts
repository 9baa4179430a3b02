// The generated kinds and the chart, installed on a real API server.
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ensureBinaries } from '../../hack/native-cluster/binaries.ts'
import {
  startControlPlane,
  type TestControlPlane,
} from '../../hack/native-cluster/control-plane.ts'
import { streamLog } from '../../hack/cluster/log.ts'
import { allKinds } from '../../core/api/kinds.ts'
import { apiVersion } from '../../core/api/names.ts'

const repository = fileURLToPath(new URL('../..', import.meta.url))
let server: TestControlPlane
let programs: Readonly<Record<string, string>>

beforeAll(async () => {
  programs = await ensureBinaries(['kubectl', 'helm'], { log: streamLog() })
  const directory = await mkdtemp(join(tmpdir(), 'guildhall-manifests-'))
  server = await startControlPlane({ directory, log: streamLog() })
  expect(await kubectl(['apply', '--server-side', '-f', 'crds/'])).not.toContain('rror')
  const established = ['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']
  expect(await kubectl(established)).toContain('condition met')
  // The description of a new kind is published a moment after the kind itself.
  for (const { plural } of allKinds)
    await vi.waitFor(async () => explains(plural), { timeout: 20_000 })
}, 1_800_000)

afterAll(async () => {
  await server?.stop()
})

describe('the kinds on a real API server', () => {
  test.each(allKinds)('are described field by field: $plural', async ({ plural, description }) => {
    const explained = oneLine(await kubectl(['explain', plural]))

    expect(explained).toContain(oneLine(description))
    expect(explained).not.toContain('<empty>')
  })

  test('teach how to write a request', async () => {
    const explained = oneLine(await kubectl(['explain', 'devrequest.spec']))

    expect(explained).toContain('request <string> -required- What you want, in plain language')
    expect(explained).toContain('enum: critical, high, normal, low')
  })

  test('take a request of one sentence and fill in the rest', async () => {
    await apply(request('small', { request: 'Write a greeter.' }))

    const spec = await kubectl(['get', 'devreq', 'small', '-o', 'jsonpath={.spec}'])
    expect(JSON.parse(spec)).toEqual({
      request: 'Write a greeter.',
      priority: 'normal',
      limits: { maxTasks: 30, maxParallel: 10, taskTimeoutSeconds: 1800, maxAttempts: 3 },
    })
  })

  test.each<[string, Record<string, unknown>, string]>([
    ['no text', {}, 'spec.request: Required value'],
    ['a blank text', { request: '  ' }, 'spec.request is empty: say what to build or change'],
    [
      'two sources',
      { request: 'x', source: { template: { name: 'node' }, repository: { name: 'r' } } },
      'spec.source needs exactly one of template, repository, git',
    ],
    ['no source in source', { request: 'x', source: {} }, 'spec.source needs exactly one of'],
    [
      'an unknown priority',
      { request: 'x', priority: 'urgent' },
      'Unsupported value: "urgent": supported values: "critical", "high", "normal", "low"',
    ],
    ['too long a text', { request: 'x'.repeat(16385) }, 'Too long: may not be more than 16384'],
    ['a misspelt field', { request: 'x', sourc: {} }, 'unknown field "spec.sourc"'],
    [
      'a password in the address',
      { request: 'x', source: { git: { url: 'https://me:secret@example.org/x' } } },
      'without a name or a password',
    ],
    [
      'ssh',
      { request: 'x', source: { git: { url: 'git@example.org:a/b.git' } } },
      'ssh is not supported',
    ],
    [
      'a branch with a backslash',
      { request: 'x', source: { git: { url: 'https://example.org/x', ref: 'a\\b' } } },
      'a branch or tag has no blanks',
    ],
    [
      'a path that leaves the repository',
      { request: 'x', plan: { units: [{ ...aUnit('a'), files: ['../x.js'] }] } },
      'a path has letters and digits of any script',
    ],
    [
      'two units of one name',
      { request: 'x', plan: { units: [aUnit('a'), aUnit('a')] } },
      'spec.plan.units names one unit twice',
    ],
    ['more than eight units', { request: 'x', plan: { units: units(9) } }, 'Too many: 9'],
  ])('refuse a request with %s, and say so', async (_, spec, want) => {
    expect(await apply(request('refused', spec))).toContain(want)
    expect(await kubectl(['get', 'devreq', 'refused'])).toContain('not found')
  })

  test('refuse a name that no branch could have', async () => {
    expect(await apply(request('a.b', { request: 'x' }))).toContain('no dot')
    expect(await apply(request('a'.repeat(64), { request: 'x' }))).toContain('at most 63')
  })

  test.each<[string, Record<string, unknown>, string]>([
    ['another text', { request: 'y' }, 'spec.request cannot change; make a new DevRequest'],
    ['a source', { source: { template: { name: 'node' } } }, 'spec.source cannot change'],
    ['a model', { model: 'm' }, 'spec.model cannot change'],
  ])('let no request change to %s', async (_, change, want) => {
    await apply(request('fixed', { request: 'x' }))

    expect(await apply(request('fixed', { request: 'x', ...change }))).toContain(want)
  })

  test('let a request be paused and moved in the queue', async () => {
    await apply(request('moved', { request: 'x' }))
    const moved = { request: 'x', priority: 'high', suspend: true, limits: { maxParallel: 1 } }

    expect(await apply(request('moved', moved))).toContain('configured')
  })

  test('keep the spec of a task as it was, and select tasks by type and request', async () => {
    const spec = {
      requestRef: { name: 'small' },
      type: 'coding',
      action: 'code',
      title: 'A title',
      goal: 'A goal',
      repository: 'small',
      branch: 'guild/small',
    }
    await apply({ apiVersion, kind: 'AgentTask', metadata: { name: 'small-code' }, spec })
    const select = ['--field-selector', 'spec.type=coding,spec.requestRef.name=small']

    expect(await kubectl(['get', 'atask', '-o', 'name', ...select])).toContain('small-code')
    const other = ['get', 'atask', '-o', 'name', '--field-selector', 'spec.type=git']
    expect(await kubectl(other)).not.toContain('small-code')
    const patch = ['patch', 'atask', 'small-code', '--type=merge', '-p', '{"spec":{"title":"B"}}']
    expect(await kubectl(patch)).toContain('the spec of an AgentTask cannot change')
  })

  test('show their state in columns', async () => {
    await apply(request('shown', { request: 'x' }))
    const status = {
      progress: '3/8',
      conditions: [
        {
          type: 'Succeeded',
          status: 'Unknown',
          reason: 'Running',
          message: '',
          lastTransitionTime: '2026-01-01T00:00:00Z',
        },
      ],
    }
    const patch = ['--subresource=status', '--type=merge', '-p', JSON.stringify({ status })]
    await kubectl(['patch', 'devreq', 'shown', ...patch])

    const [head = '', row = ''] = (await kubectl(['get', 'devreq', 'shown'])).split('\n')
    expect(head).toMatch(/^NAME +STATUS +PROGRESS/)
    expect(row).toMatch(/^shown +Running +3\/8/)
  })
})

describe('the chart on a real API server', () => {
  beforeAll(async () => {
    const enforce = 'pod-security.kubernetes.io/enforce'
    const warn = 'pod-security.kubernetes.io/warn'
    const labels = { [enforce]: 'restricted', [warn]: 'restricted' }
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'guildhall', labels } })
  })

  test.each<[string, readonly string[]]>([
    ['by default', []],
    ['with everything on', ['rehearsal.enabled=true', 'operator.replicas=2', 'model.pull=true']],
  ])('is admitted whole, %s, where Pod Security is restricted', async (_, settings) => {
    const manifests = await render(settings)
    const dryRun = ['apply', '--server-side', '--force-conflicts', '--dry-run=server', '-f', '-']
    const said = await kubectl(['-n', 'guildhall', ...dryRun], manifests)

    const lines = said.trim().split('\n')
    expect(lines.filter((line) => !line.endsWith('serverside-applied (server dry run)'))).toEqual(
      [],
    )
    expect(lines.length).toBeGreaterThan(25)
  })
})

describe('the rights that the chart gives', () => {
  const operator = 'guildhall-operator'
  const forge = 'guildhall-forge'

  beforeAll(async () => {
    const install = ['-n', 'guildhall', 'apply', '--server-side', '--force-conflicts', '-f', '-']
    expect(await kubectl(install, await render([]))).not.toContain('rror')
  })

  test.each<[string, string, string, 'yes' | 'no']>([
    [operator, 'create', 'pods', 'yes'],
    [operator, 'patch', 'pods', 'yes'],
    [operator, 'update', 'devrequests.guildhall.dev/status', 'yes'],
    [operator, 'update', 'agenttasks.guildhall.dev/finalizers', 'yes'],
    [operator, 'watch', 'agents.guildhall.dev', 'yes'],
    [operator, 'update', 'leases.coordination.k8s.io', 'yes'],
    [operator, 'create', 'events.events.k8s.io', 'yes'],
    [operator, 'update', 'configmaps', 'yes'],
    [operator, 'create', 'tokenreviews.authentication.k8s.io', 'yes'],
    [operator, 'get', 'secrets', 'no'],
    [operator, 'create', 'pods/exec', 'no'],
    [operator, 'create', 'serviceaccounts/token', 'no'],
    [operator, 'create', 'roles.rbac.authorization.k8s.io', 'no'],
    [operator, 'list', 'nodes', 'no'],
    [forge, 'get', 'agenttasks.guildhall.dev', 'yes'],
    [forge, 'create', 'tokenreviews.authentication.k8s.io', 'yes'],
    [forge, 'update', 'agenttasks.guildhall.dev', 'no'],
    [forge, 'get', 'pods', 'no'],
    ['guildhall-agent', 'get', 'agenttasks.guildhall.dev', 'no'],
    ['guildhall-agent', 'get', 'pods', 'no'],
    ['guildhall-agent', 'get', 'configmaps', 'no'],
    ['guildhall-reader', 'get', 'devrequests.guildhall.dev', 'no'],
  ])('%s may %s %s: %s', async (account, verb, resource, want) => {
    expect(await mayDo(account, verb, resource, 'guildhall')).toBe(want)
  })

  test('end at the namespace', async () => {
    expect(await mayDo(operator, 'create', 'pods', 'default')).toBe('no')
    expect(await mayDo(operator, 'get', 'devrequests.guildhall.dev', 'default')).toBe('no')
    expect(await mayDo(forge, 'get', 'agenttasks.guildhall.dev', 'default')).toBe('no')
  })
})

async function mayDo(
  account: string,
  verb: string,
  resource: string,
  namespace: string,
): Promise<string | undefined> {
  const [name = '', subresource = ''] = resource.split('/')
  const part = subresource === '' ? [] : [`--subresource=${subresource}`]
  const as = `--as=system:serviceaccount:guildhall:${account}`
  const said = await kubectl(['-n', namespace, 'auth', 'can-i', verb, name, ...part, as])
  return said.trim().split('\n').at(-1)
}

/** The chart as helm renders it, in the namespace `guildhall`. */
async function render(settings: readonly string[]): Promise<string> {
  const set = settings.flatMap((setting) => ['--set', setting])
  const chart = ['template', 'guildhall', 'helm/guildhall', '-n', 'guildhall', ...set]
  const { stdout } = await execa(programs['helm'] ?? '', chart, { cwd: repository })
  return stdout
}

function request(name: string, spec: Record<string, unknown>): object {
  return { apiVersion, kind: 'DevRequest', metadata: { name }, spec }
}

function aUnit(name: string): object {
  return { name, goal: 'A goal.', files: ['a.js'], doneWhen: 'It is there.' }
}

function units(count: number): readonly object[] {
  return Array.from({ length: count }, (_, index) => aUnit(`unit-${index}`))
}

async function apply(object: object): Promise<string> {
  return kubectl(['apply', '-f', '-'], JSON.stringify(object))
}

/** The output of kubectl, on either stream. */
async function kubectl(args: readonly string[], input = ''): Promise<string> {
  const { all } = await execa(programs['kubectl'] ?? '', args, {
    cwd: repository,
    env: { KUBECONFIG: server.kubeconfig },
    input,
    all: true,
    reject: false,
  })
  return all
}

async function explains(plural: string): Promise<void> {
  expect(await kubectl(['explain', plural])).not.toContain("couldn't find resource")
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}
