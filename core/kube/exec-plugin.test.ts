// Kind: a plug-in that makes the credentials is run as kubectl runs it, always ends, and is named
// when it fails.
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { type KubeConfig, kubeconfigFile } from './config.ts'
import { KubeconfigError } from './errors.ts'

let home: string
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'guildhall-plugin-'))
})
afterEach(async () => {
  await rm(home, { recursive: true })
})

const answer = (status: unknown): string =>
  JSON.stringify({
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status,
  })
const printing = (text: string): string => `cat <<'END'\n${text}\nEND\n`
const good = printing(answer({ token: 'given' }))

async function open(
  script: string,
  options: {
    readonly exec?: object
    readonly user?: object
    readonly cluster?: object
    readonly clock?: VirtualClock
    readonly signal?: AbortSignal
  } = {},
): Promise<KubeConfig> {
  const plugin = join(home, 'plugin')
  await writeFile(plugin, `#!/bin/sh\n${script}`)
  await chmod(plugin, 0o755)
  const path = join(home, 'config')
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: plugin,
    interactiveMode: 'IfAvailable',
    ...options.exec,
  }
  const whole = {
    clusters: [{ name: 'c', cluster: { server: 'https://a:6443', ...options.cluster } }],
    users: [{ name: 'u', user: { exec, ...options.user } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }
  await writeFile(path, JSON.stringify(whole))
  const { clock = systemClock, signal } = options
  return kubeconfigFile({ clock, path, signal })
}
const tokenOf = async (config: KubeConfig) => (await config.credentials()).headers['authorization']

describe('what a plug-in gets and gives', () => {
  test('stdin ends where there is no terminal', async () => {
    expect(await tokenOf(await open(`cat >/dev/null\n${good}`))).toBe('Bearer given')
  })

  test.each(['./plugin', 'bin/../plugin'])(
    '%s is looked for beside the kubeconfig',
    async (command) => {
      await mkdir(join(home, 'bin'))
      expect(await tokenOf(await open(good, { exec: { command } }))).toBe('Bearer given')
    },
  )

  test('arguments and environment are those of the kubeconfig', async () => {
    const script = `printf '%s' '{"status":{"token":"'"$1-$WHO"'"}}'`
    const exec = { args: ['one'], env: [{ name: 'WHO', value: 'me' }] }
    expect(await tokenOf(await open(script, { exec }))).toBe('Bearer one-me')
  })

  test.each([
    [
      'data',
      { 'certificate-authority-data': 'Q0E=' },
      { server: 'https://a:6443', 'certificate-authority-data': 'Q0E=', config: null },
    ],
    ['a file', { 'certificate-authority': 'ca.pem' }, { 'certificate-authority-data': 'Q0E=' }],
    [
      'settings of its own',
      {
        extensions: [
          { name: 'client.authentication.k8s.io/exec', extension: { audience: 'me' } },
          { name: 'other', extension: {} },
        ],
      },
      { config: { audience: 'me' } },
    ],
    ['a proxy', { 'proxy-url': 'http://p:1' }, { 'proxy-url': 'http://p:1' }],
  ])('provideClusterInfo tells it the cluster, with %s', async (_, cluster, want) => {
    await writeFile(join(home, 'ca.pem'), 'CA')
    const seen = join(home, 'seen')
    const script = `printf '%s' "$KUBERNETES_EXEC_INFO" > ${seen}\n${good}`
    await open(script, { cluster, exec: { provideClusterInfo: true } })
    const info: unknown = JSON.parse(await readFile(seen, 'utf8'))
    expect(info).toMatchObject({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      spec: { interactive: false, cluster: want },
    })
    await open(script, { cluster })
    expect(JSON.parse(await readFile(seen, 'utf8'))).toMatchObject({ spec: { interactive: false } })
    expect(await readFile(seen, 'utf8')).not.toContain('cluster')
  })

  test('a certificate with its key', async () => {
    const status = { clientCertificateData: 'CERT', clientKeyData: 'KEY' }
    const { headers, tls } = await (await open(printing(answer(status)))).credentials()
    expect([headers, tls]).toEqual([{}, { cert: 'CERT', key: 'KEY' }])
  })

  test('it runs again only when what it gave has expired', async () => {
    const clock = new VirtualClock(Date.UTC(2026, 0, 1))
    const count = join(home, 'count')
    const script = `echo x >> ${count}\n${printing(answer({ token: 't', expirationTimestamp: '2026-01-01T00:10:00Z' }))}`
    const config = await open(script, { clock })
    const runs = async () => (await readFile(count, 'utf8')).length / 2
    for (let minute = 0; minute < 9; minute += 1) {
      await clock.advance(60_000)
      await config.credentials()
    }
    expect(await runs()).toBe(1)
    await clock.advance(120_000)
    await config.credentials()
    expect(await runs()).toBe(2)
  })

  test('it does not run where a token is given', async () => {
    const config = await open('exit 1', { user: { token: 'mine' } })
    expect(await tokenOf(config)).toBe('Bearer mine')
  })
})

describe('a plug-in that fails is named with what it printed, and was run once', () => {
  test.each([
    [
      'fails',
      'echo "session expired; log in" >&2; exit 3',
      /failed with exit code 3: session expired; log in$/,
    ],
    ['fails in silence', 'exit 1', /failed with exit code 1, and printed nothing$/],
    ['fails and says why on stdout', 'echo no; exit 1', /exit code 1: no$/],
    ['is killed', 'kill -9 $$', /was ended by SIGKILL/],
    ['prints a question', 'echo Enter password:', /printed something else .*: Enter password:$/],
    ['prints nothing', '', /printed something else .*, and printed nothing$/],
    ['answers null', printing('null'), /answered with neither status.token nor/],
    ['answers without a status', printing('{}'), /answered with neither status.token nor/],
    ['answers with a status of null', printing(answer(null)), /answered with neither/],
    ['answers with a token of null', printing(answer({ token: null })), /answered with neither/],
    ['answers with a number', printing(answer({ token: 5 })), /status.token that is no text/],
    ['answers with a key alone', printing(answer({ clientKeyData: 'K' })), /belong together/],
    [
      'answers with no time',
      printing(answer({ token: 't', expirationTimestamp: 'soon' })),
      /expirationTimestamp that is no time: soon$/,
    ],
  ])('one that %s', async (_, script, message) => {
    const count = join(home, 'count')
    const error: unknown = await open(`echo x >> ${count}\n${script}`).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(KubeconfigError)
    expect(error).toMatchObject({
      message: expect.stringMatching(message) as string,
      next: join(home, 'plugin'),
    })
    expect(String(error)).toContain(
      `the plug-in ${home}/plugin of the user u in the kubeconfig ${home}/config `,
    )
    expect(await readFile(count, 'utf8')).toBe('x\n')
  })

  test.each([
    ['no-such-plug-in', /is not in PATH; get it from example\.org$/, 'command -v '],
    ['./none', /does not exist; get it from example\.org$/, 'ls -l '],
  ])('one that is not there: %s', async (command, message, next) => {
    const opened = open('', { exec: { command, installHint: 'get it from example.org\n' } })
    await expect(opened).rejects.toMatchObject({
      message: expect.stringMatching(message) as string,
      next: expect.stringContaining(next) as string,
    })
  })

  test('one that has to ask, where nobody can be asked', async () => {
    const opened = open(good, { exec: { interactiveMode: 'Always' } })
    await expect(opened).rejects.toThrow('stdin is no terminal')
  })
})

describe('a plug-in that hangs is killed with what it started', () => {
  /** A plug-in whose child holds its pipes, as `sh` and `sleep`. */
  const hangs = (pid: string) => `sleep 300 &\necho $! > ${pid}\nwait\n`
  const started = async (file: string): Promise<number> => {
    for (;;) {
      const text = await readFile(file, 'utf8').catch(() => '')
      if (text !== '') return Number(text)
      await systemClock.sleep(10, { signal: undefined })
    }
  }
  const isGone = async (pid: number): Promise<boolean> => {
    for (let waited = 0; waited < 5_000; waited += 20) {
      // A killed process whose parent does not look after it stays as a zombie.
      const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z')
      if (/\) [ZX]/.test(state)) return true
      await systemClock.sleep(20, { signal: undefined })
    }
    return false
  }

  test('after a minute', async () => {
    const clock = new VirtualClock()
    const file = join(home, 'pid')
    const opened = open(hangs(file), { clock })
    const refused = expect(opened).rejects.toThrow(
      /did not end within 60 s and was killed, and printed nothing$/,
    )
    const pid = await started(file)
    await clock.advance(60_000)
    await refused
    expect(await isGone(pid)).toBe(true)
  })

  test('when the person gives up', async () => {
    const stop = new AbortController()
    const file = join(home, 'pid')
    const opened = open(hangs(file), { signal: stop.signal })
    const refused = expect(opened).rejects.toThrow('enough')
    const pid = await started(file)
    stop.abort(new Error('enough'))
    await refused
    expect(await isGone(pid)).toBe(true)
  })

  test('when the last of several requests that wait for it has given up', async () => {
    const file = join(home, 'pid')
    const config = await open(`if [ -e ${home}/hang ]; then\n${hangs(file)}fi\n${good}`)
    await writeFile(join(home, 'hang'), '')
    config.refresh()
    const [first, second] = [new AbortController(), new AbortController()]
    const both = [first, second].map(async ({ signal }) => config.credentials({ signal }))
    const refused = Promise.all(both.map(async (one) => expect(one).rejects.toThrow('enough')))
    const pid = await started(file)
    first.abort(new Error('not enough'))
    await systemClock.sleep(50, { signal: undefined })
    process.kill(pid, 0)
    second.abort(new Error('enough'))
    await refused
    expect(await isGone(pid)).toBe(true)
  })
})

describe('a token file', () => {
  const user = { exec: undefined, tokenFile: 'token', token: 'inline' }
  test('goes before a token, and is read again as it rotates', async () => {
    const clock = new VirtualClock()
    await writeFile(join(home, 'token'), 'first\n')
    const config = await open('', { user, clock })
    expect(await tokenOf(config)).toBe('Bearer first')
    await writeFile(join(home, 'token'), 'second\n')
    await clock.advance(60_000)
    expect(await tokenOf(config)).toBe('Bearer second')
    await writeFile(join(home, 'token'), 'third')
    config.refresh()
    expect(await tokenOf(config)).toBe('Bearer third')
  })

  test('with an absolute path, before a plug-in', async () => {
    const tokenFile = join(home, 'token')
    await writeFile(tokenFile, 'mine')
    expect(await tokenOf(await open('exit 1', { user: { tokenFile } }))).toBe('Bearer mine')
  })

  test('that is empty or goes away is told', async () => {
    const clock = new VirtualClock()
    const file = join(home, 'token')
    await writeFile(file, ' \n')
    await expect(open('', { user })).rejects.toThrow(`is the file ${file}, which is empty`)
    await writeFile(file, 'first')
    const config = await open('', { user, clock })
    await rm(file)
    await clock.advance(60_000)
    await expect(config.credentials()).rejects.toThrow(`${file}, which cannot be read: there is no`)
  })
})
