import { expect, test } from 'vitest'
import { devRequestSpec } from './devrequest.ts'

const takes = (git: { readonly url?: string; readonly ref?: string }): boolean =>
  devRequestSpec.safeParse({
    request: 'x',
    source: { git: { url: 'https://example.com/a.git', ...git } },
  }).success

test.for([
  ['main', true],
  ['release#2', true],
  ['next@2', true],
  ['größe', true],
  ['開発', true],
  ['@scope/pkg@1.0.0', true],
  ['v1.0.0+build.5', true],
  ['dependabot/npm_and_yarn/@babel/core-7.1', true],
  ['🚀', true],
  ["o'brien,(2)&x", true],
  ['a'.repeat(200), true],
  ['', false],
  ['-x', false],
  ['--upload-pack=x', false],
  ['/a', false],
  ['a/', false],
  ['a//b', false],
  ['.a', false],
  ['a/.b', false],
  ['a b', false],
  ['a\tb', false],
  ['a\nb', false],
  ['a\n', false],
  ['HEAD~1', false],
  ['a^', false],
  ['a:b', false],
  ['a*', false],
  ['a?', false],
  ['a[b', false],
  ['a\\b', false],
  ['a\u007Fb', false],
] as const)('spec.source.git.ref %j: %s', ([ref, want]) => {
  expect(takes({ ref })).toBe(want)
})

test.for([
  ['https://github.com/acme/shop', true],
  ['http://example.com:8080/a.git', true],
  ['git://example.com/a', true],
  ['https://[fd00::1]:3000/a.git', true],
  ['https://例え.jp/a.git', true],
  ['https://example.com/@scope/a.git', true],
  ['https://example.com', true],
  ['https://me:secret@example.com/a', false],
  ['https://token@example.com/a', false],
  ['https://example.com/a.git#main', false],
  ['https://example.com\\@127.0.0.1/a', false],
  ['https://example.com/a b', false],
  ['ssh://git@example.com/a', false],
  ['file:///srv/a.git', false],
  ['https:///a.git', false],
  ['ext::sh -c x', false],
] as const)('spec.source.git.url %s: %s', ([url, want]) => {
  expect(takes({ url })).toBe(want)
})
