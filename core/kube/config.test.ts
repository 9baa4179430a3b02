import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { inClusterConfig, kubeconfigFile, loadKubeConfig } from './config.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'guildhall-config-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true })
})
const put = async (name: string, text: string) => writeFile(join(directory, name), text)

const options = () => ({ clock: new VirtualClock(), host: '10.0.0.1', port: '443', directory })
const base64 = (value: string) => Buffer.from(value).toString('base64')

describe('in a Pod', () => {
  beforeEach(async () => {
    await put('token', 'first\n')
    await put('ca.crt', 'CA 1')
    await put('namespace', 'guild')
  })
  test('the mounted files are used', async () => {
    const config = await inClusterConfig(options())
    expect(config).toMatchObject({ server: 'https://10.0.0.1:443', namespace: 'guild' })
    expect(await config.credentials()).toEqual({
      headers: { authorization: 'Bearer first' },
      tls: { ca: 'CA 1' },
    })
  })

  test('the environment may name another place where they are mounted', async () => {
    const env = {
      KUBERNETES_SERVICE_HOST: '10.0.0.1',
      KUBERNETES_SERVICE_ACCOUNT_DIRECTORY: directory,
    }
    const config = await loadKubeConfig({ clock: new VirtualClock(), env })
    expect(config).toMatchObject({ server: 'https://10.0.0.1:443', namespace: 'guild' })
  })

  test('a rotated token is seen within a minute, at once after a refusal', async () => {
    const clock = new VirtualClock()
    const config = await inClusterConfig({ ...options(), clock })
    const token = async () => (await config.credentials()).headers['authorization']
    await put('token', 'second')
    expect(await token()).toBe('Bearer first')
    await clock.advance(60_000)
    expect(await token()).toBe('Bearer second')
    await put('token', 'third')
    config.refresh()
    expect(await token()).toBe('Bearer third')
  })

  test('TLS material stays the same object until the CA changes', async () => {
    const config = await inClusterConfig(options())
    const { tls } = await config.credentials()
    await put('token', 'second')
    config.refresh()
    expect((await config.credentials()).tls).toBe(tls)
    await put('ca.crt', 'CA 2')
    config.refresh()
    expect((await config.credentials()).tls).toEqual({ ca: 'CA 2' })
  })

  test('an IPv6 address is put in brackets', async () => {
    const config = await inClusterConfig({ ...options(), host: 'fd00::1' })
    expect(config.server).toBe('https://[fd00::1]:443')
  })

  test('missing files are named with the remedy', async () => {
    await rm(join(directory, 'token'))
    await expect(inClusterConfig(options())).rejects.toThrow('automountServiceAccountToken: true')
  })
})

const text = (user: object) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'c',
        cluster: {
          server: 'https://host:6443/prefix/',
          'certificate-authority-data': base64('CA'),
          'tls-server-name': 'kubernetes',
        },
      },
    ],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'mine' } }],
    'current-context': 'x',
  })

const load = async (user: object) => {
  await put('kubeconfig', text(user))
  return kubeconfigFile({ clock: new VirtualClock(), path: join(directory, 'kubeconfig') })
}

describe('with a kubeconfig', () => {
  test('server, namespace, CA and server name are used', async () => {
    const config = await load({ token: 'secret' })
    expect(config).toMatchObject({ server: 'https://host:6443/prefix', namespace: 'mine' })
    const { headers, tls } = await config.credentials()
    expect(headers).toEqual({ authorization: 'Bearer secret' })
    expect(tls).toMatchObject({ servername: 'kubernetes' })
    expect(String(tls.ca)).toBe('CA')
  })

  test('a client certificate is used', async () => {
    const config = await load({
      'client-certificate-data': base64('CERT'),
      'client-key-data': base64('KEY'),
    })
    const { headers, tls } = await config.credentials()
    expect(headers).toEqual({})
    expect([String(tls.cert), String(tls.key)]).toEqual(['CERT', 'KEY'])
  })

  test('an exec plug-in is run, and run again after a refusal', async () => {
    const counter = join(directory, 'count')
    const script = `echo x >> ${counter}; n=$(wc -l < ${counter}); echo "{\\"apiVersion\\":\\"client.authentication.k8s.io/v1\\",\\"kind\\":\\"ExecCredential\\",\\"status\\":{\\"token\\":\\"token-$n\\"}}"`
    const apiVersion = 'client.authentication.k8s.io/v1'
    const config = await load({
      exec: { apiVersion, command: 'sh', args: ['-c', script], interactiveMode: 'Never' },
    })
    const token = async () => (await config.credentials()).headers['authorization']
    expect(await token()).toBe('Bearer token-1')
    expect(await token()).toBe('Bearer token-1')
    config.refresh()
    expect(await token()).toBe('Bearer token-2')
  })

  test('a file that cannot be read after a refusal is told by the next credentials, until it can', async () => {
    const config = await load({ token: 'first' })
    await put('kubeconfig', 'half a f: {')
    config.refresh()
    await expect(config.credentials()).rejects.toThrow()
    await expect(config.credentials()).rejects.toThrow()
    await put('kubeconfig', text({ token: 'second' }))
    await expect(config.credentials()).resolves.toMatchObject({
      headers: { authorization: 'Bearer second' },
    })
  })

  test('it wins over the Pod it runs in', async () => {
    await put('kubeconfig', text({ token: 'secret' }))
    const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1' }
    const kubeconfig = join(directory, 'kubeconfig')
    const config = await loadKubeConfig({ clock: new VirtualClock(), env, kubeconfig })
    expect(config.server).toBe('https://host:6443/prefix')
  })
})
