import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, expect, test, vi } from 'vitest'
import { startForge } from '../test/support/forge/forge.ts'
import { commitFile, startSources } from '../test/support/forge/source.ts'
import { canonicalHost, reachOf, SourceDoor, type SourceHosts } from './source-hosts.ts'

// Some start a forge with real git; the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const { signal } = new AbortController()
const never = async () => {
  throw new Error('nobody asked the name server for this')
}

function door(
  hosts: Partial<SourceHosts> = {},
  names: Readonly<Record<string, readonly string[]>> = {},
  byProxy = false,
) {
  return new SourceDoor(
    { allowedHosts: [], allowPrivate: false, ...hosts },
    { resolve: async (host) => names[host] ?? [], byProxy },
  )
}

describe('how far an address can be reached from', () => {
  test.for([
    ['public', ['8.8.8.8', '140.82.121.3', '172.32.0.1', '100.128.0.1', '2606:4700::1111']],
    ['public', ['::ffff:8.8.8.8', '::ffff:808:808', '64:ff9b::808:808']],
    ['private', ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1']],
    [
      'private',
      ['fd00::1', 'fc00::', 'fec0::1', '::ffff:10.0.0.1', '64:ff9b::a00:1', '198.18.0.1'],
    ],
    ['local', ['127.0.0.1', '127.255.255.254', '0.0.0.0', '169.254.169.254', '::1', '::']],
    ['local', ['fe80::1', 'fe80::1%eth0', '::ffff:127.0.0.1', '::ffff:a9fe:a9fe', '::127.0.0.1']],
    ['local', ['224.0.0.1', '255.255.255.255', 'ff02::1', '2002:7f00:1::', '2001:db8::1', 'x']],
  ] as const)('%s: %j', ([want, addresses]) => {
    expect(addresses.map(reachOf)).toEqual(addresses.map(() => want))
  })
})

test.for([
  ['2130706433', '127.0.0.1'],
  ['0x7f000001', '127.0.0.1'],
  ['0177.0.0.1', '127.0.0.1'],
  ['127.1', '127.0.0.1'],
  ['0xa9.0xfe.43518', '169.254.169.254'],
  ['%31%32%37.0.0.1', '127.0.0.1'],
  ['１２７.０.０.１', '127.0.0.1'],
  ['127.0.0.1.', '127.0.0.1'],
  ['[::FFFF:7F00:1]', '::ffff:7f00:1'],
  ['Example.COM.', 'example.com'],
  ['ⓛocalhost', 'localhost'],
  ['例え.jp', 'xn--r8jz45g.jp'],
  ['-oProxyCommand=x', undefined],
  ['a%2f@b', undefined],
  ['a b', undefined],
  ['a..', undefined],
  ['', undefined],
] as const)('the host %j is read as %s', ([host, want]) => {
  expect(canonicalHost(host)).toBe(want)
})

const sentence =
  /^\S+ of spec\.source\.git\.url is inside the cluster, in a private network or on this machine, and .* add "\S+" or its network to forge\.sources\.allowedHosts/

describe('hosts that are not fetched from', () => {
  test.for([
    '127.0.0.1',
    '10.1.2.3',
    '::1',
    '::ffff:192.168.0.1',
    'fd12::1',
    '169.254.169.254',
    'localhost',
    'x.localhost',
    'kubernetes',
    'guildhall-forge',
    'vault.prod.svc',
    'api.default.svc.cluster.local',
    'metadata.google.internal',
    'nas.local',
    'x.svc.my.zone',
    'git.corp',
    'box.lan',
    'router.home.arpa',
  ])('%s: refused by its name alone, without a question to anybody', async (host) => {
    const closed = new SourceDoor(
      { allowedHosts: [], allowPrivate: false },
      { resolve: never, byProxy: false },
    )
    await expect(closed.open(host, { signal })).rejects.toMatchObject({
      code: 'BadRequest',
      message: expect.stringMatching(sentence),
    })
  })

  test.for([
    ['a private address', ['10.0.0.1']],
    ['this machine', ['127.0.0.1']],
    ['the metadata service, mapped', ['::ffff:169.254.169.254']],
    ['a public and a private one', ['8.8.8.8', 'fd00::1']],
  ] as const)('a name that leads to %s', async ([, addresses]) => {
    const names = { 'git.example.com': addresses }
    const opened = door({}, names).open('git.example.com', { signal })
    await expect(opened).rejects.toMatchObject({ message: expect.stringMatching(sentence) })
    await expect(opened).rejects.not.toThrow(addresses[0])
  })

  test('a name that nobody knows is told, unless a proxy may know it', async () => {
    await expect(door().open('nowhere.example.com', { signal })).rejects.toMatchObject({
      code: 'SourceUnavailable',
      message: 'Could not resolve the host nowhere.example.com of spec.source.git.url.',
    })
    const opened = await door({}, {}, true).open('nowhere.example.com', { signal })
    expect(opened.addresses).toBeUndefined()
    await expect(door({}, {}, true).open('vault.svc', { signal })).rejects.toThrow('allowedHosts')
  })
})

describe('what the chart allows', () => {
  const names = {
    'github.com': ['140.82.121.3'],
    'git.corp.example': ['10.9.8.7'],
    'deep.git.corp.example': ['10.9.8.7'],
    'gitea.tools.svc': ['10.96.0.12'],
    'six.example': ['fd00:1::5'],
    'metadata.google.internal': ['169.254.169.254'],
    localhost: ['127.0.0.1'],
  }
  test.for<readonly [Partial<SourceHosts>, string, boolean]>([
    [{}, 'github.com', true],
    [{ allowedHosts: ['git.corp.example'] }, 'git.corp.example', true],
    [{ allowedHosts: ['GIT.corp.example.'] }, 'git.corp.example', true],
    [{ allowedHosts: ['git.corp.example'] }, 'deep.git.corp.example', false],
    [{ allowedHosts: ['*.corp.example'] }, 'deep.git.corp.example', true],
    [{ allowedHosts: ['*.git.corp.example'] }, 'git.corp.example', false],
    [{ allowedHosts: ['10.9.0.0/16'] }, 'git.corp.example', true],
    [{ allowedHosts: ['10.9.0.0/16'] }, '10.9.1.1', true],
    [{ allowedHosts: ['10.9.0.0/16'] }, '::ffff:10.9.1.1', true],
    [{ allowedHosts: ['10.9.0.0/16'] }, '10.10.1.1', false],
    [{ allowedHosts: ['10.9.8.7'] }, 'git.corp.example', true],
    [{ allowedHosts: ['fd00:1::/32'] }, 'six.example', true],
    [{ allowedHosts: ['gitea.tools.svc'] }, 'gitea.tools.svc', true],
    [{ allowedHosts: ['10.0.0.0/8'] }, 'gitea.tools.svc', false],
    [{ allowPrivate: true }, 'gitea.tools.svc', true],
    [{ allowPrivate: true }, 'git.corp.example', true],
    [{ allowPrivate: true }, '192.168.0.1', true],
    [{ allowPrivate: true }, 'localhost', false],
    [{ allowPrivate: true }, '127.0.0.1', false],
    [{ allowPrivate: true }, '169.254.169.254', false],
    [{ allowPrivate: true }, 'metadata.google.internal', false],
    [{ allowedHosts: ['127.0.0.0/8'] }, '127.0.0.1', true],
  ])('%j, %s: %s', async ([hosts, host, want]) => {
    const opened = door(hosts, names)
      .open(host, { signal })
      .then(
        () => true,
        () => false,
      )
    expect(await opened).toBe(want)
  })

  test.for(['10.0.0.0/33', '10.0.0.0/x', 'http://git.corp', 'a b', '*', '', '10.0.0.0/8/9', '-x'])(
    'an entry %j stops the forge at its start',
    (entry) => {
      expect(() => door({ allowedHosts: [entry] })).toThrow(
        `${JSON.stringify(entry)} is not a host`,
      )
    },
  )
})

describe('what git connects to is what was checked', () => {
  const sources = { allowedHosts: ['127.0.0.1'], allowPrivate: false }

  test('http: the name is bound to its addresses, whatever it leads to later', async () => {
    // No name server knows this name: git can reach it by the binding alone.
    const forge = await startForge({ sources, resolve: async () => ['127.0.0.1'] })
    const server = await startSources()
    try {
      const made = await server.make((git, directory) => commitFile(git, directory))
      const url = made.url.replace('127.0.0.1', 'git.example.invalid')
      const body = { source: { git: { url } }, branch: 'guild/r1', title: 't' }
      const answer = await forge.call('PUT', '/api/repositories/shop', 'operator', body)
      expect(answer.status, answer.text).toBe(200)
      expect(answer.body['head']).toBe(await made.git('rev-parse', 'main'))
    } finally {
      await server.stop()
      await forge.stop()
    }
  })

  test('git: the address is connected to, and the server still hears the name', async () => {
    const forge = await startForge({ sources, resolve: async () => ['127.0.0.1'] })
    const heard: string[] = []
    const server = createTcpServer((socket) => {
      socket.on('data', (chunk) => {
        heard.push(chunk.toString('latin1'))
        socket.end('-ERR internal-redis-7.2\r\n')
      })
      socket.on('error', () => undefined)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = server.address() as AddressInfo
      const url = `git://git.example.invalid:${port}/x`
      const body = { source: { git: { url } }, branch: 'guild/r1', title: 't' }
      const answer = await forge.call('PUT', '/api/repositories/shop', 'operator', body)
      expect(heard[0]).toContain(`host=git.example.invalid:${port}\0`)
      // What the server sent is not shown to anybody.
      expect(answer.body['message']).toBe(
        `${url} cannot be fetched: the server does not answer as a git server.`,
      )
    } finally {
      server.close()
      await forge.stop()
    }
  })

  test('a refused host hears nothing, and the answer is the same whatever is there', async () => {
    const forge = await startForge()
    const server = await startSources()
    try {
      const answers = new Set<unknown>()
      const { port } = server
      for (const url of [
        `http://127.0.0.1:${port}/code-1.git`,
        `http://2130706433:${port}/401`,
        `http://0x7f.1:${port}/`,
        `http://[::ffff:127.0.0.1]:${port}/x`,
        `git://127.1:${port}/x`,
        `git://%31%32%37.0.0.1:${port}/x`,
        'http://127.0.0.1:1/closed',
        `${forge.url}/shop.git`,
      ]) {
        const body = { source: { git: { url } }, branch: 'guild/r1', title: 't' }
        const answer = await forge.call('PUT', '/api/repositories/shop', 'operator', body)
        expect(answer.status).toBe(400)
        answers.add(String(answer.body['message']).replaceAll('::ffff:7f00:1', '127.0.0.1'))
      }
      expect([...answers]).toEqual([expect.stringMatching(sentence)])
      expect(server.asked).toEqual([])
    } finally {
      await server.stop()
      await forge.stop()
    }
  })
})
