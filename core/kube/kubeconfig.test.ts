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
    ['not YAML', 'clusters: [', /^the kubeconfig .* cannot be read: /, fetchOne],
    ['a text', 'hello', /^the kubeconfig .* (cannot be read: |has no current-context)/, fetchOne],
  ])('a file that is %s', async (_, text, message, next) => {
    const path = await put('config', text)
    for (const choice of [{ env: {}, path }, { env: { KUBECONFIG: path } }])
      await expect(openKubeconfig(choice)).rejects.toMatchObject({
        message: expect.stringMatching(message) as string,
        next,
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
    ['http://127.0.0.1:8080', 'is http://127.0.0.1:8080, which is http: it has to be https'],
    ['HTTP://a', 'is HTTP://a, which is http: it has to be https'],
  ])('%s', async (server, want) => {
    const path = await put('config', served(server))
    await expect(openKubeconfig({ env: {}, path })).rejects.toMatchObject({
      message: expect.stringContaining(
        `the server of the cluster c in the kubeconfig ${path} ${want}`,
      ) as string,
      next: expect.stringContaining(`set-cluster c --kubeconfig ${path} --server https:`) as string,
    })
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
