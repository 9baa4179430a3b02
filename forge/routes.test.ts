import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readCgiHead } from './git-http.ts'
import { isRefName, isTreePath, parseResultBranch, parseTaskBranch } from './ref-names.ts'
import { routeOf } from './routes.ts'

const id = 'a'.repeat(40)
const repository = 'shop'

test.for([
  ['GET', '/healthz', { kind: 'health' }],
  [
    'GET',
    '/shop.git/info/refs?service=git-upload-pack',
    { kind: 'git', repository, service: 'git-upload-pack', advertise: true },
  ],
  [
    'POST',
    '/shop.git/git-receive-pack',
    { kind: 'git', repository, service: 'git-receive-pack', advertise: false },
  ],
  ['PUT', '/api/repositories/shop', { kind: 'ensure', repository }],
  ['POST', '/api/repositories/shop/integrate', { kind: 'integrate', repository }],
  [
    'GET',
    `/api/repositories/shop/branches/guild/r1?base=${id}`,
    { kind: 'branch', repository, branch: 'guild/r1', base: id },
  ],
  ['GET', `/api/repositories/shop/tree/${id}`, { kind: 'tree', repository, commit: id }],
  [
    'GET',
    `/api/repositories/shop/blob/${id}?path=src%2Fa%20b.js`,
    { kind: 'blob', repository, commit: id, path: 'src/a b.js' },
  ],
] as const)('%s %s is an address', ([method, path, want]) => {
  expect(routeOf(method, path)).toEqual(want)
})

test('no address leaves the repositories, whatever it is', () => {
  const part = fc.constantFrom(
    'shop.git',
    '..',
    '.',
    '%2e%2e',
    '%2F',
    'api',
    'repositories',
    'info',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(part, fc.string()), { maxLength: 6 }), (parts) => {
      const route = routeOf('GET', `/${parts.join('/')}?service=git-upload-pack`)
      if ('repository' in route) expect(route.repository).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
    }),
  )
})

test.for([
  ['main', true],
  ['v1.2.3', true],
  ['feature/a-b_c+d', true],
  ['release#2', true],
  ['next@2', true],
  ['@scope/pkg@1.0.0', true],
  ['größe', true],
  ['開発/🚀', true],
  ["it's;$(x)&|`y`", true],
  ['a./b', true],
  ['a.lock.b', true],
  ['-x/y', false],
  ['@', false],
  ['@{-1}', false],
  ['a[b', false],
  ['a?', false],
  ['a\\b', false],
  ['a\u007Fb', false],
  ['a\u0085b', false],
  ['a\uD800b', false],
  ['refs/../x', false],
  ['', false],
  ['-x', false],
  ['/a', false],
  ['a/', false],
  ['a//b', false],
  ['a..b', false],
  ['a/.b', false],
  ['a.lock', false],
  ['a.lock/b', false],
  ['a.', false],
  ['a b', false],
  ['a~1', false],
  ['a^', false],
  ['a:b', false],
  ['a@{1}', false],
  ['a*', false],
  ['a\nb', false],
  ['a'.repeat(201), false],
] as const)('%j as a ref name: %s', ([name, want]) => {
  expect(isRefName(name)).toBe(want)
})

test('branches of requests and tasks have one spelling', () => {
  expect(parseResultBranch('guild/r1')).toEqual({ request: 'r1' })
  expect(parseTaskBranch('guild-task/r1-code-a/12')).toEqual({ task: 'r1-code-a', attempt: 12 })
  for (const bad of ['guild/', 'guild/a/b', 'guild/A', 'guild/a.lock', 'guild/a\n', 'xguild/a']) {
    expect(parseResultBranch(bad)).toBeUndefined()
  }
  for (const bad of ['guild-task/a', 'guild-task/a/0', 'guild-task/a/1/2', 'guild-task/a/1\n']) {
    expect(parseTaskBranch(bad)).toBeUndefined()
  }
})

test.for([
  ['a', true],
  ['src/.eslintrc', true],
  ['a b/ü', true],
  ['..', false],
  ['a/../b', false],
  ['/a', false],
  ['a//b', false],
  ['./a', false],
  ['a\0b', false],
  ['', false],
] as const)('%j as a path: %s', ([path, want]) => {
  expect(isTreePath(path)).toBe(want)
})

test('the head of a CGI answer is read once it is complete', () => {
  const text = 'Status: 403 Forbidden\r\nContent-Type: text/plain\r\n\r\nbody'
  expect(readCgiHead(Buffer.from(text.slice(0, 30)))).toBeUndefined()
  expect(readCgiHead(Buffer.from(text))).toEqual({
    status: 403,
    headers: [['Content-Type', 'text/plain']],
    bodyAt: text.length - 4,
  })
  expect(readCgiHead(Buffer.from('Expires: now\n\nx'))).toMatchObject({ status: 200, bodyAt: 14 })
  expect(() => readCgiHead(Buffer.from('no header\r\n\r\n'))).toThrow('not a header')
  expect(() => readCgiHead(Buffer.alloc(20_000, 'a'))).toThrow('no end')
})
