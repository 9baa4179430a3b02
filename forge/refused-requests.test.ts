// Everything that must not get in, part two: requests no git client sends. Each case is a real
// request to a real forge; what is asserted is that the refs of all repositories are the same
// afterwards, and that the one who was refused is told why.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { pktLine } from '../test/support/forge/forge.ts'
import { ownRef as own, sendRaw, setScene, type Scene } from '../test/support/forge/refusals.ts'

// Real git, many processes; the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let scene: Scene
beforeAll(async () => {
  scene = await setScene()
})
afterAll(() => scene.fixture.stop())

const zero = '0'.repeat(40)
const upload = 'service=git-upload-pack'
const command = (ref: string, more = '\0report-status') =>
  pktLine(`${zero} ${scene.head} ${ref}${more}`)

describe('an address is refused', () => {
  test.for([
    ['a name with dots', `/../other.git/info/refs?${upload}`, 404],
    ['an encoded slash', `/..%2Fshop.git/info/refs?${upload}`, 400],
    ['an encoded path out', `/%2e%2e%2f%2e%2e%2fetc.git/info/refs?${upload}`, 400],
    ['a double slash', `//shop.git/info/refs?${upload}`, 404],
    ['a NUL', `/shop%00.git/info/refs?${upload}`, 400],
    ['an option as a name', `/-u.git/info/refs?${upload}`, 400],
    ['upper case', `/Shop.git/info/refs?${upload}`, 400],
    ['an empty name', `/.git/info/refs?${upload}`, 400],
    ['a name that is too long', `/${'a'.repeat(64)}.git/info/refs?${upload}`, 400],
    ['a repository that is not there', `/nobody.git/info/refs?${upload}`, 404],
    ['no service', '/shop.git/info/refs', 400],
    ['another service', '/shop.git/info/refs?service=git-upload-archive', 400],
    ['the dumb protocol: HEAD', '/shop.git/HEAD', 404],
    ['the dumb protocol: packs', '/shop.git/objects/info/packs', 404],
    ['the configuration', '/shop.git/config', 404],
    ['a path through the repository', '/shop.git/../other.git/HEAD', 404],
    ['bad percent encoding', '/%E0%A4%A.git/info/refs', 400],
  ] as const)('%s', async ([, path, status]) => {
    const answer = await sendRaw(scene.fixture.url, { method: 'GET', path })
    expect(answer.status, answer.text).toBe(status)
    expect(answer.text).not.toContain('refs/heads')
  })
})

describe('a hand-made push is refused', () => {
  const cases: readonly (readonly [
    name: string,
    body: () => string,
    want: { status: number; text: RegExp },
    options?: { token?: string; headers?: Record<string, string> },
  ])[] = [
    [
      'by a reader that skips the greeting',
      () => `${command(own)}0000`,
      { status: 403, text: /may not push/ },
      { token: 'reader' },
    ],
    [
      'from a client that reads no reports',
      () => `${command('refs/heads/main', '')}0000`,
      { status: 403, text: /not for agents/ },
    ],
    [
      'when main hides behind the own branch',
      () => `${command(own)}${command('refs/heads/main', '')}0000`,
      { status: 200, text: /ng refs\/heads\/main/ },
    ],
    [
      'when main hides behind a NUL',
      () =>
        `${pktLine(`${zero} ${scene.head} ${own}\0report-status\0 refs/heads/main`)}${command('refs/heads/main', '')}0000`,
      { status: 200, text: /ng refs\/heads\/main/ },
    ],
    [
      'when main hides behind a line end',
      () => `${command(`${own}\n${zero} ${scene.head} refs/heads/main`)}0000`,
      { status: 400, text: /not a ref update/ },
    ],
    [
      'with capabilities twice',
      () => `${command(own)}${command(own)}0000`,
      { status: 400, text: /capabilities twice/ },
    ],
    [
      'with a certificate',
      () => `${pktLine('push-cert\0report-status')}0000`,
      { status: 400, text: /not a ref update/ },
    ],
    ['that is no pkt-line', () => 'hello, this is no push', { status: 400, text: /pkt-line/ }],
    ['with a delimiter packet', () => '0001', { status: 400, text: /pkt-line/ }],
    ['with an empty packet', () => '0004', { status: 400, text: /pkt-line/ }],
    ['that ends early', () => command(own).slice(0, 30), { status: 400, text: /ended/ }],
    [
      'with too many lines',
      () => pktLine(`shallow ${zero}`).repeat(6000),
      { status: 400, text: /too many/ },
    ],
    [
      'in an unknown encoding',
      () => '0000',
      { status: 400, text: /not supported/ },
      { headers: { 'content-encoding': 'br' } },
    ],
    [
      'in broken gzip',
      () => '0000',
      { status: 400, text: /not gzip/ },
      { headers: { 'content-encoding': 'gzip' } },
    ],
    [
      'with a pack that is none',
      () => `${command(own)}0000PACKrubbish, not a pack at all`,
      { status: 200, text: /unpack (?!ok)/ },
    ],
    [
      'without the objects it names',
      () => `${pktLine(`${zero} ${'1'.repeat(40)} ${own}\0report-status`)}0000${emptyPack}`,
      { status: 200, text: /ng .*missing necessary objects|unpack (?!ok)/ },
    ],
  ]
  test.for(cases)('%s', async ([, body, want, options]) => {
    const before = await scene.allRefs()
    const answer = await sendRaw(scene.fixture.url, {
      ...options,
      method: 'POST',
      path: '/shop.git/git-receive-pack',
      body: body(),
    })
    expect(answer.text).toMatch(want.text)
    expect(answer.status).toBe(want.status)
    expect(await scene.allRefs()).toEqual(before)
  })
})

/** A valid pack with no objects. */
const emptyPack = Buffer.concat([
  Buffer.from('5041434b0000000200000000', 'hex'),
  Buffer.from('029d08823bd8a8eab510ad6ac75c823cfd3ed31e', 'hex'),
]).toString('latin1')
