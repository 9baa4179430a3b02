import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connect } from '../../cli/cluster/connection.ts'
import { openKubeconfig } from './kubeconfig.ts'

let home: string
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'guildhall-kubeconfig-'))
})
afterEach(async () => {
  await rm(home, { recursive: true })
})

const put = async (name: string, text: string): Promise<string> => {
  const path = join(home, name)
  await writeFile(path, text)
  return path
}
const config = (parts: {
  readonly current?: string
  readonly context?: string
  readonly cluster?: string
  readonly user?: string
}): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: `https://${parts.context ?? 'x'}:6443` } }],
    users: [{ name: 'u', user: { token: 't' } }],
    contexts: [
      {
        name: parts.context ?? 'x',
        context: { cluster: parts.cluster ?? 'c', user: parts.user ?? 'u' },
      },
    ],
    ...(parts.current === undefined ? {} : { 'current-context': parts.current }),
  })

const fetchOne = 'npm run -s cluster -- up && export KUBECONFIG=$(npm run -s cluster -- kubeconfig)'
/** The next command for the file that a flag names: the variable would not count. */
const forFlag =
  'npm run -s cluster -- up && npm run -s cluster -- kubeconfig   (prints the file of a cluster that was started from here, for --kubeconfig)'

describe('a kubeconfig that leads nowhere is told by what it lacks, never by localhost:8080', () => {
  test('neither KUBECONFIG nor a file in the home directory', async () => {
    await expect(openKubeconfig({ env: { HOME: home } })).rejects.toMatchObject({
      message: `there is no kubeconfig: KUBECONFIG is not set, and ${home}/.kube/config does not exist`,
      next: fetchOne,
    })
    await expect(openKubeconfig({ env: { HOME: home, KUBECONFIG: '' } })).rejects.toMatchObject({
      message: expect.stringMatching(/KUBECONFIG is not set/) as string,
    })
  })

  test.each([
    [
      'a file that is not there',
      '/nope',
      /^there is no kubeconfig: \/nope, which KUBECONFIG names, does not exist$/,
    ],
    ['files none of which is there', '/nope:/neither', /\/nope and \/neither, .* do not exist$/],
  ])('KUBECONFIG names %s', async (_, files, message) => {
    const opened = openKubeconfig({ env: { KUBECONFIG: files } })
    await expect(opened).rejects.toMatchObject({
      message: expect.stringMatching(message) as string,
      next: fetchOne,
    })
  })

  test.each([
    ['empty', '', / is empty$/, fetchOne],
    ['blank, with a remark', '\n# nothing\n---\n', / is empty$/, fetchOne],
    [
      'without clusters and contexts',
      'apiVersion: v1\nkind: Config\n',
      / has no current-context$/,
      fetchOne,
    ],
    [
      'without current-context',
      config({ context: 'lab' }),
      / has no current-context$/,
      'kubectl config use-context lab',
    ],
    [
      'with a current-context that is not there',
      config({ current: 'gone' }),
      /the current-context gone .* is not among its contexts$/,
      'kubectl config use-context x',
    ],
    [
      'with a context whose cluster is not there',
      config({ current: 'x', cluster: 'lost' }),
      /the context x .* names the cluster lost, which is not in it or has no server$/,
      'kubectl config get-contexts',
    ],
    [
      'with a context whose user is not there',
      config({ current: 'x', user: 'lost' }),
      /names the user lost, which is not in it$/,
      'kubectl config get-contexts',
    ],
    [
      'not YAML',
      'clusters: [',
      /^the kubeconfig .* cannot be read: .*at line 1/,
      '${EDITOR:-vi} FILE',
    ],
    ['indented by tabs', 'a:\n\tb: 1', /cannot be read: Tabs .*at line 2/, '${EDITOR:-vi} FILE'],
    ['a text', 'hello', /^the file .* is no kubeconfig: it holds a text/, fetchOne],
    ['a list', '- a\n- b', /^the file .* is no kubeconfig: it holds a list/, fetchOne],
    ['a page', '<html><body>404</body></html>', /is no kubeconfig: it holds a text/, fetchOne],
    [
      'with a current-context and no contexts',
      'current-context: c\ncontexts: null\n',
      /the current-context c .* is not among its contexts$/,
      fetchOne,
    ],
  ])('a file that is %s', async (_, text, message, next) => {
    const path = await put('config', text)
    for (const choice of [{ env: {}, path }, { env: { KUBECONFIG: path } }])
      await expect(openKubeconfig(choice)).rejects.toMatchObject({
        message: expect.stringMatching(message) as string,
        next: next === fetchOne && 'path' in choice ? forFlag : next.replace('FILE', path),
      })
  })

  test('a context on the command line that is not there', async () => {
    const path = await put('config', config({ current: 'x' }))
    const opened = openKubeconfig({ env: {}, path, context: 'prod' })
    await expect(opened).rejects.toMatchObject({
      message: expect.stringMatching(/has no context prod$/) as string,
    })
  })

  test('guild says it as one sentence with the next command', async () => {
    await expect(connect({ namespace: 'a' }, { HOME: home })).rejects.toMatchObject({
      message: expect.stringMatching(
        /^no cluster to talk to: there is no kubeconfig: KUBECONFIG is not set/,
      ) as string,
      next: fetchOne,
      exitCode: 2,
    })
  })
})

test('of a list the files that are there count, and of each name what is named first', async () => {
  const first = await put('first', config({ context: 'a' }))
  const second = await put('second', config({ context: 'b', current: 'b' }))
  const KUBECONFIG = ['/nope', first, await put('empty', ''), second].join(':')
  const opened = await openKubeconfig({ env: { KUBECONFIG } })
  expect(opened.getCurrentContext()).toBe('b')
  expect(opened.getContexts().map(({ name }) => name)).toEqual(['a', 'b'])
  expect(opened.getCurrentCluster()?.server).toBe('https://a:6443')
})

describe('a server that cannot be one is told with its file and its value', () => {
  const served = (server: string, more = {}): string =>
    JSON.stringify({
      ...(JSON.parse(config({ current: 'x' })) as object),
      clusters: [{ name: 'c', cluster: { server, ...more } }],
    })
  test.each([
    ['notaurl', 'is notaurl, which is not an address'],
    ['127.0.0.1:6443', 'is 127.0.0.1:6443, which is not an address'],
    ['ftp://a:1', 'is ftp://a:1, which is not an address'],
    ['https://a:99999', 'is https://a:99999, which is not an address'],
    [
      'http://10.0.0.1:8080',
      'is http://10.0.0.1:8080, which is http: everybody on the way could read',
    ],
    ['http://127.0.0.1.example.org', 'which is http: everybody'],
    ['HTTP://a', 'is HTTP://a, which is http: everybody on the way could read'],
  ])('%s', async (server, want) => {
    const path = await put('config', served(server))
    await expect(openKubeconfig({ env: {}, path })).rejects.toMatchObject({
      message: expect.stringContaining(
        want.startsWith('is ')
          ? `the server of the cluster c in the kubeconfig ${path} ${want}`
          : want,
      ) as string,
      next: expect.stringContaining(`set-cluster c --kubeconfig ${path} --server https:`) as string,
    })
  })

  test.each([
    'http://127.0.0.1:8001',
    'http://localhost:8001/',
    'http://[::1]:8001',
    'HTTP://127.1.2.3',
  ])('http on this machine is taken, as kubectl proxy serves it: %s', async (server) => {
    const path = await put('config', served(server))
    const opened = await openKubeconfig({ env: {}, path })
    // The library makes port-forwards by these settings, and refuses http otherwise.
    await expect(opened.applyToHTTPSOptions({})).resolves.toBeUndefined()
  })

  test('http with insecure-skip-tls-verify stays possible: tests and tunnels use it', async () => {
    const path = await put('config', served('http://a', { 'insecure-skip-tls-verify': true }))
    await expect(openKubeconfig({ env: {}, path })).resolves.toBeDefined()
  })

  test('a folder in place of a file', async () => {
    await expect(openKubeconfig({ env: {}, path: home })).rejects.toThrow(
      `the kubeconfig ${home} cannot be read: it is a folder, not a file`,
    )
  })
})

// Kind: what kubectl takes, with other bytes or entries than a program writes.
describe('a kubeconfig that kubectl takes is taken', () => {
  const good = config({ current: 'x', context: 'x' })
  const yaml = `current-context: x
clusters:
- {name: c, cluster: {server: "https://x:6443"}}
users:
- {name: u, user: {token: t}}
contexts:
- name: x
  context: {cluster: c, user: u}
`
  const utf16 = (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le')
  test.each([
    ['with --- at the end', `${yaml}---\n`],
    ['with a second document', `${yaml}---\nkind: Other\n`],
    ['with a second document that is broken', `${yaml}---\na: [\n`],
    ['with --- and a remark before it', `---\n# made by a tool\n${yaml}`],
    ['with ... at the end', `${yaml}...\n`],
    ['with a key that is there twice, of which the last counts', `current-context: y\n${yaml}`],
    ['with a merge key', yaml.replace('context: {', 'context: {<<: {namespace: n}, ')],
    ['as JSON', good],
    ['in UTF-8 with a mark', `\uFEFF${yaml}`],
    ['in UTF-16 with a mark', utf16(yaml)],
    ['in UTF-16 of the other order', utf16(yaml).swap16()],
    ['with lines of Windows', yaml.replaceAll('\n', '\r\n')],
    [
      'with broken entries that nobody uses',
      yaml.replace('clusters:', 'clusters:\n- {name: other}\n- {cluster: {}}\n- null'),
    ],
  ])('%s', async (_, bytes) => {
    const path = join(home, 'config')
    await writeFile(path, bytes)
    const opened = await openKubeconfig({ env: {}, path })
    expect(opened.getCurrentCluster()?.server).toBe('https://x:6443')
    expect(opened.getCurrentUser()?.token).toBe('t')
  })

  test('in UTF-16 without a mark it is told what it is', async () => {
    const path = join(home, 'config')
    await writeFile(path, Buffer.from(yaml, 'utf16le'))
    await expect(openKubeconfig({ env: {}, path })).rejects.toMatchObject({
      message: expect.stringContaining('it is no text in UTF-8') as string,
      next: expect.stringContaining('iconv') as string,
    })
  })

  test('a pipe, which can be read once, though it is opened several times', async () => {
    const path = join(home, 'pipe')
    execFileSync('mkfifo', [path])
    const [opened] = await Promise.all([openKubeconfig({ env: {}, path }), feed(path, yaml)])
    expect(opened.getCurrentContext()).toBe('x')
    expect((await openKubeconfig({ env: {}, path })).getCurrentContext()).toBe('x')
  })
})

/** Another process, because opening a pipe waits for its other end and reading it stops this one. */
async function feed(path: string, text: string): Promise<void> {
  const child = spawn('sh', ['-c', 'printf %s "$1" > "$0"', path, text], { stdio: 'ignore' })
  await once(child, 'close')
}

// Kind: nobody logs in, and the cluster is still the one of the kubeconfig.
test.each([
  ['no user', undefined],
  ['an empty user', ''],
  ['null', null],
])('a context with %s: anonymous, with the CA of the cluster', async (_, user) => {
  const path = await put(
    'config',
    JSON.stringify({
      'current-context': 'x',
      clusters: [
        {
          name: 'c',
          cluster: {
            server: 'https://x',
            'certificate-authority-data': 'Q0E=',
            'tls-server-name': 's',
          },
        },
      ],
      users: [{ name: 'u', user: { token: 't' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user } }],
    }),
  )
  const found: { ca?: Buffer; servername?: string; headers?: Record<string, string> } = {}
  await (await openKubeconfig({ env: {}, path })).applyToHTTPSOptions(found)
  expect([String(found.ca), found.servername, found.headers]).toEqual(['CA', 's', {}])
})

// Kind: a fault of a file that the kubeconfig names is not a fault of the server.
test.each([
  ['cluster', 'c', 'certificate-authority', 'kubectl config set-cluster c '],
  ['user', 'u', 'client-certificate', 'kubectl config set-credentials u '],
  ['user', 'u', 'client-key', 'kubectl config set-credentials u '],
  ['user', 'u', 'tokenFile', 'ls -l '],
])('of the %s %s the %s is not there', async (kind, name, field, next) => {
  const whole = JSON.parse(config({ current: 'x' })) as Record<string, [Record<string, object>]>
  Object.assign(whole[`${kind}s`]?.[0][kind] ?? {}, { [field]: 'gone/x.pem' })
  const path = await put('config', JSON.stringify(whole))
  await expect(openKubeconfig({ env: {}, path })).rejects.toMatchObject({
    message: `the ${field} of the ${kind} ${name} in the kubeconfig ${path} is the file ${home}/gone/x.pem, which cannot be read: there is no such file`,
    next: expect.stringContaining(next) as string,
  })
})
