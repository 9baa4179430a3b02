import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureAuthority, ensureCertificate, ensureTokenKey } from './certificates.ts'

describe('certificates', () => {
  let directory = ''
  let authority: X509Certificate
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'guildhall-pki-'))
    const pair = await ensureAuthority(directory, 'test')
    authority = new X509Certificate(await readFile(pair.certificate))
  })
  afterAll(async () => {
    await rm(directory, { recursive: true })
  })

  test('are signed by an authority that may sign', async () => {
    const pair = await ensureCertificate(directory, 'plain', { commonName: 'someone' })
    const certificate = new X509Certificate(await readFile(pair.certificate))
    expect(authority.ca).toBe(true)
    expect(certificate.ca).toBe(false)
    expect(certificate.verify(authority.publicKey)).toBe(true)
  })

  test('carry user and group as Kubernetes reads them, and serve nobody without hosts', async () => {
    const identity = { commonName: 'system:node:n', organization: 'system:nodes' }
    const pair = await ensureCertificate(directory, 'client', identity)
    const certificate = new X509Certificate(await readFile(pair.certificate))
    expect(certificate.subject).toBe('O=system:nodes\nCN=system:node:n')
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
  })

  test('serve under names and addresses', async () => {
    const hosts = ['example.test', '10.0.0.1']
    const pair = await ensureCertificate(directory, 'server', { commonName: 's', hosts })
    const certificate = new X509Certificate(await readFile(pair.certificate))
    expect(certificate.checkHost('example.test')).toBe('example.test')
    expect(certificate.checkIP('10.0.0.1')).toBe('10.0.0.1')
    expect(certificate.checkHost('other.test')).toBeUndefined()
  })

  test('stay what they are when they are there', async () => {
    const first = await ensureCertificate(directory, 'again', { commonName: 'a' })
    const before = await readFile(first.certificate, 'utf8')
    const second = await ensureCertificate(directory, 'again', { commonName: 'a' })
    expect(await readFile(second.certificate, 'utf8')).toBe(before)
  })

  test('keep their keys from other users', async () => {
    const { key } = await ensureTokenKey(directory)
    const pair = await ensureCertificate(directory, 'secret', { commonName: 'a' })
    for (const path of [key, pair.key]) {
      expect((await stat(path)).mode & 0o077).toBe(0)
    }
  })
})
