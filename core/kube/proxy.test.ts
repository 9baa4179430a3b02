import { describe, expect, test } from 'vitest'
import { isLoopback, proxyOf, withoutSecret } from './proxy.ts'

const way = (server: string, env: Readonly<Record<string, string>>, proxyUrl = ''): string => {
  const choice = proxyOf(new URL(server), proxyUrl, env)
  if (choice.kind === 'refused') return `${choice.from}: ${choice.url} ${choice.why}`
  return choice.kind === 'proxy' ? choice.url : 'direct'
}
const HTTPS_PROXY = 'http://p:3128'

describe('the proxy of an API server is the one that kubectl takes', () => {
  test.each([
    ['none', 'https://a', {}, '', 'direct'],
    ['of the cluster', 'https://a', {}, 'http://q:1', 'http://q:1'],
    ['of the cluster, also on this machine', 'https://127.0.0.1', {}, 'http://q:1', 'http://q:1'],
    [
      'of the cluster before the environment',
      'https://a',
      { HTTPS_PROXY },
      'https://q',
      'https://q',
    ],
    ['of the cluster in spite of NO_PROXY', 'https://a', { NO_PROXY: '*' }, 'http://q', 'http://q'],
    ['of the environment', 'https://a', { HTTPS_PROXY }, '', HTTPS_PROXY],
    ['in small letters', 'https://a', { https_proxy: HTTPS_PROXY }, '', HTTPS_PROXY],
    ['without a scheme', 'https://a', { HTTPS_PROXY: 'p:3128' }, '', 'http://p:3128'],
    ['of http alone', 'https://a', { HTTP_PROXY: HTTPS_PROXY }, '', 'direct'],
    ['empty', 'https://a', { HTTPS_PROXY: '' }, '', 'direct'],
    ['never for this machine', 'https://127.0.0.1:6443', { HTTPS_PROXY }, '', 'direct'],
    ['never for localhost', 'https://localhost', { HTTPS_PROXY }, '', 'direct'],
    ['never for ::1', 'https://[::1]:6443', { HTTPS_PROXY }, '', 'direct'],
  ] as const)('%s', (_, server, env, proxyUrl, want) => {
    expect(way(server, env, proxyUrl)).toBe(want)
  })

  test.each([
    ['*', 'https://a', true],
    ['a', 'https://a', true],
    ['example.org', 'https://k.example.org', true],
    ['.example.org', 'https://k.example.org', true],
    ['*.example.org', 'https://k.example.org', true],
    ['.example.org', 'https://example.org', false],
    ['example.org', 'https://badexample.org', false],
    ['x, K.Example.Org ,y', 'https://k.example.org', true],
    ['10.0.0.0/8', 'https://10.1.2.3:6443', true],
    ['10.0.0.0/8', 'https://11.1.2.3:6443', false],
    ['10.0.0.0/99', 'https://10.1.2.3', false],
    ['fd00::/8', 'https://[fd00::1]', true],
    ['10.0.0.1', 'https://10.0.0.1', true],
    ['0.0.1', 'https://10.0.0.1', false],
    ['a:6443', 'https://a:6443', true],
    ['a:443', 'https://a', true],
    ['a:6443', 'https://a:8443', false],
    ['[fd00::1]:6443', 'https://[fd00::1]:6443', true],
    ['fd00::1', 'https://[fd00::1]', true],
    ['', 'https://a', false],
  ])('NO_PROXY=%j covers %s: %j', (NO_PROXY, server, isDirect) => {
    expect(way(server, { HTTPS_PROXY, NO_PROXY })).toBe(isDirect ? 'direct' : HTTPS_PROXY)
    expect(way(server, { HTTPS_PROXY, no_proxy: NO_PROXY })).toBe(isDirect ? 'direct' : HTTPS_PROXY)
  })

  test.each([
    ['socks5://p:1', 'is of the kind socks5'],
    ['socks5h://p:1', 'is of the kind socks5h'],
    ['ftp://p', 'is of the kind ftp'],
    ['http://', 'is not an address'],
    ['http://me:secret@p:99999', 'is not an address'],
  ])('what cannot be used is refused and never passed by: %s', (url, why) => {
    for (const said of [way('https://a', {}, url), way('https://a', { HTTPS_PROXY: url })]) {
      expect(said).toContain(why)
      expect(said).not.toContain('secret')
    }
  })
})

test('a password of a proxy is shown to nobody', () => {
  expect(withoutSecret('http://me:secret@p:3128')).toBe('http://p:3128')
})

test.each([
  ['localhost', true],
  ['127.9.9.9', true],
  ['[::1]', true],
  ['127.0.0.1.example.org', false],
  ['10.0.0.1', false],
  ['localhost.example.org', false],
])('%s is this machine: %j', (host, want) => {
  expect(isLoopback(host)).toBe(want)
})
