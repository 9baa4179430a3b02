import { expect, test } from 'vitest'
import { readRedirect, readSourceUrl, remoteOf, urlText } from './source-url.ts'

test.for<readonly [string, string]>([
  ['https://GitHub.com/acme/shop', 'https://github.com/acme/shop'],
  ['https://github.com:443/acme/shop.git', 'https://github.com/acme/shop.git'],
  ['http://example.com:8080/a%20b.git', 'http://example.com:8080/a%20b.git'],
  ['https://[fd00::1]:3000/a.git', 'https://[fd00::1]:3000/a.git'],
  ['https://例え.jp/a.git', 'https://xn--r8jz45g.jp/a.git'],
  ['git://例え.jp/größe.git', 'git://xn--r8jz45g.jp/gr%C3%B6%C3%9Fe.git'],
  ['git://2130706433/x', 'git://127.0.0.1/x'],
  ['git://example.com:9418/x', 'git://example.com/x'],
  ['https://example.com/a/../b.git', 'https://example.com/b.git'],
])('%s is given to git as %s', ([url, want]) => {
  expect(urlText(readSourceUrl(url))).toBe(want)
})

test.for([
  'file:///srv/a.git',
  '/srv/a.git',
  'ssh://git@x/a',
  'ext::sh -c x',
  'http://%20/x',
  'https://u:p@example.com/a',
  'https://token@example.com/a',
  'https://example.com/a.git#main',
  'git://example.com/x%0d%0aFLUSHALL',
  'git://example.com/x%00',
  'http://a\\@b/c',
  'git://-oX=y/z',
  'git://example.com%2f@127.0.0.1/x',
  `https://example.com/${'a'.repeat(500)}`,
  '',
])('%j is refused, with the field to correct', (url) => {
  expect(() => readSourceUrl(url)).toThrow(/spec\.source\.git\.(?:url|ref)\.$/)
})

test('what git connects to is in its settings, never left to another look-up', () => {
  const open = { host: 'example.com', addresses: ['93.184.216.34', '2606:2800::1'] as const }
  const addresses: [string, string] = [...open.addresses]
  const of = (url: string) => remoteOf(readSourceUrl(url), { ...open, addresses })
  expect(of('https://example.com/a')).toEqual({
    url: 'https://example.com/a',
    settings: { 'http.curloptResolve': 'example.com:443:93.184.216.34,[2606:2800::1]' },
    environment: {},
  })
  expect(of('http://example.com:8080/a').settings).toEqual({
    'http.curloptResolve': 'example.com:8080:93.184.216.34,[2606:2800::1]',
  })
  expect(of('git://example.com/a')).toEqual({
    url: 'git://93.184.216.34/a',
    settings: {},
    environment: { GIT_OVERRIDE_VIRTUAL_HOST: 'example.com:9418' },
  })
  const literal = remoteOf(readSourceUrl('https://[fd00::1]/a'), {
    host: 'fd00::1',
    addresses: ['fd00::1'],
  })
  expect(literal).toEqual({ url: 'https://[fd00::1]/a', settings: {}, environment: {} })
})

const renamed = '/acme/new.git/info/refs?service=git-upload-pack'
test.for([
  ['https://github.com/acme/old', renamed, 'same-host', 'https://github.com/acme/new.git'],
  [
    'https://github.com/acme/old/',
    `https://GITHUB.com${renamed}`,
    'same-host',
    'https://github.com/acme/new.git',
  ],
  [
    'http://github.com/acme/old',
    `https://github.com${renamed}`,
    'same-host',
    'https://github.com/acme/new.git',
  ],
  [
    'https://github.com/acme/old',
    `http://github.com${renamed}`,
    'elsewhere',
    'http://github.com/acme/new.git',
  ],
  [
    'http://a.example:8080/x',
    `https://a.example${renamed}`,
    'elsewhere',
    'https://a.example/acme/new.git',
  ],
  [
    'https://a.example/x',
    `https://a.example:8443${renamed}`,
    'elsewhere',
    'https://a.example:8443/acme/new.git',
  ],
  ['https://a.example/x', `//b.example${renamed}`, 'elsewhere', 'https://b.example/acme/new.git'],
  [
    'https://a.example/x',
    `https://a.example.evil.example${renamed}`,
    'elsewhere',
    'https://a.example.evil.example/acme/new.git',
  ],
  ['https://a.example/x', 'https://u:p@a.example/y/info/refs', 'same-host', 'https://a.example/y'],
  ['https://a.example/x', '/users/sign_in', 'page', undefined],
  ['https://a.example/x', 'javascript:alert(1)/info/refs', 'page', undefined],
  ['https://a.example/x', 'http://[broken/info/refs', 'page', undefined],
  ['https://a.example/x', '', 'page', undefined],
] as const)('%s, sent to %s: %s', ([from, location, kind, want]) => {
  const redirect = readRedirect(readSourceUrl(from), location)
  expect(redirect.kind).toBe(kind)
  if (redirect.kind === 'same-host') expect(urlText(redirect.url)).toBe(want)
  if (redirect.kind === 'elsewhere') expect(redirect.address).toBe(want)
})
