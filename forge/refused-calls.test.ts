// Everything that must not get in, part three: the API. Each case is a real request to a real
// forge; what is asserted is that the refs of all repositories are the same afterwards, and that
// the one who was refused is told why.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { fromTemplate } from '../test/support/forge/forge.ts'
import { setScene, type Scene } from '../test/support/forge/refusals.ts'

// Real git, many processes; the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let scene: Scene
beforeAll(async () => {
  scene = await setScene()
})
afterAll(() => scene.fixture.stop())

describe('the API refuses', () => {
  const good = fromTemplate('node')
  const api = '/api/repositories'
  const git = (url: string) => ({ ...good, source: { git: { url } } })
  const merge = {
    into: 'guild/r1',
    from: 'guild-task/r1-old/1',
    commit: '1'.repeat(40),
    subject: 's',
    trailers: [],
  }
  const cases: readonly (readonly [
    name: string,
    token: string,
    method: string,
    path: string,
    body: unknown,
    status: number,
  ])[] = [
    ['a repository made by an agent', 'agent-1', 'PUT', `${api}/new`, good, 403],
    ['a repository made by a reader', 'reader', 'PUT', `${api}/new`, good, 403],
    ['a repository made without a token', '', 'PUT', `${api}/new`, good, 401],
    [
      'a repository made with the hub token of the operator',
      'operator-hub',
      'PUT',
      `${api}/new`,
      good,
      403,
    ],
    ['an operator of another namespace', 'operator-elsewhere', 'PUT', `${api}/new`, good, 403],
    ['an account named much like the operator', 'operator-like', 'PUT', `${api}/new`, good, 403],
    ['a user named like the operator', 'operator-user', 'PUT', `${api}/new`, good, 403],
    ['a merge by an agent', 'agent-1', 'POST', `${api}/shop/integrate`, merge, 403],
    ['a merge by a reader', 'reader', 'POST', `${api}/shop/integrate`, merge, 403],
    ['a look by an agent', 'agent-1', 'GET', `${api}/shop/branches/guild/r1`, undefined, 403],
    [
      'a look by a reader with the hub audience',
      'reader-hub',
      'GET',
      `${api}/shop/branches/main`,
      undefined,
      403,
    ],
    ['a look without a token', '', 'GET', `${api}/shop/branches/main`, undefined, 401],
    ['a bad repository name', 'operator', 'PUT', `${api}/..%2Fnew`, good, 400],
    ['a repository with a dot', 'operator', 'PUT', `${api}/new.git`, good, 400],
    ['a body that is not JSON', 'operator', 'PUT', `${api}/new`, '{', 400],
    ['a body of the wrong form', 'operator', 'PUT', `${api}/new`, { branch: 'guild/r1' }, 400],
    [
      'a body that is too large',
      'operator',
      'PUT',
      `${api}/new`,
      { ...good, title: 'x'.repeat(70_000) },
      413,
    ],
    [
      'an unknown template',
      'operator',
      'PUT',
      `${api}/new`,
      { ...good, source: { template: { name: '../node' } } },
      400,
    ],
    [
      'main as the branch of a request',
      'operator',
      'PUT',
      `${api}/new`,
      { ...good, branch: 'main' },
      400,
    ],
    [
      'a task branch as the branch of a request',
      'operator',
      'PUT',
      `${api}/new`,
      { ...good, branch: 'guild-task/a/1' },
      400,
    ],
    ['a file as a source', 'operator', 'PUT', `${api}/new`, git('file:///etc'), 400],
    ['a path as a source', 'operator', 'PUT', `${api}/new`, git('/etc/passwd'), 400],
    ['a command as a source', 'operator', 'PUT', `${api}/new`, git('ext::sh -c date'), 400],
    ['an option as a source', 'operator', 'PUT', `${api}/new`, git('--upload-pack=date'), 400],
    ['ssh as a source', 'operator', 'PUT', `${api}/new`, git('ssh://git@example.com/a.git'), 400],
    [
      'credentials in a source',
      'operator',
      'PUT',
      `${api}/new`,
      git('https://a:b@example.com/a.git'),
      400,
    ],
    [
      'another repository by a path',
      'operator',
      'PUT',
      `${api}/new`,
      { ...good, source: { repository: { name: '../shop' } } },
      400,
    ],
    [
      'a source ref that is an option',
      'operator',
      'PUT',
      `${api}/shop`,
      { ...good, branch: 'guild/r7', source: { repository: { name: 'shop', ref: '--all' } } },
      400,
    ],
    [
      'a source ref with revision syntax',
      'operator',
      'PUT',
      `${api}/shop`,
      { ...good, branch: 'guild/r7', source: { repository: { name: 'shop', ref: 'main@{1}' } } },
      400,
    ],
    [
      'another template for a name that is taken',
      'operator',
      'PUT',
      `${api}/shop`,
      fromTemplate('python', 'r7'),
      400,
    ],
    ['a tree of a branch name', 'reader', 'GET', `${api}/shop/tree/main`, undefined, 400],
    [
      'a tree of a commit that is not there',
      'reader',
      'GET',
      `${api}/shop/tree/${'1'.repeat(40)}`,
      undefined,
      404,
    ],
    [
      'a branch with revision syntax',
      'reader',
      'GET',
      `${api}/shop/branches/main~1`,
      undefined,
      400,
    ],
    [
      'a base that is an option',
      'reader',
      'GET',
      `${api}/shop/branches/main?base=--all`,
      undefined,
      400,
    ],
    ['another method', 'operator', 'DELETE', `${api}/shop`, undefined, 405],
    ['another address', 'operator', 'GET', '/api/secrets', undefined, 404],
  ]
  test.for(cases)('%s', async ([, token, method, path, body, status]) => {
    const before = await scene.allRefs()
    const answer = await scene.fixture.call(method, path, token, body)
    expect(answer.status, answer.text).toBe(status)
    expect(answer.body).toMatchObject({ code: expect.any(String), message: expect.any(String) })
    expect(await scene.allRefs()).toEqual(before)
    expect((await scene.fixture.call('GET', `${api}/new/branches/main`, 'reader')).status).toBe(404)
  })

  test.for([
    ['a path out of the tree', '../../etc/passwd', 400],
    ['an absolute path', '/etc/passwd', 400],
    ['a symbolic link', 'link', 404],
    ['a pathspec', ':(glob)**', 404],
    ['no path', '', 400],
  ] as const)('the text of %s', async ([, path, status]) => {
    const query = `?path=${encodeURIComponent(path)}`
    const answer = await scene.fixture.call(
      'GET',
      `${api}/shop/blob/${scene.linked}${query}`,
      'reader',
    )
    expect(answer.status, answer.text).toBe(status)
    expect(answer.text).not.toContain('root:')
  })
})
