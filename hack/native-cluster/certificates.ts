import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { isIP } from 'node:net'
import { execa } from 'execa'

/** Who a certificate is for. */
export interface CertificateSubject {
  readonly commonName: string
  /** The groups, as Kubernetes reads them. */
  readonly organization?: string
  /** Names and addresses it serves under. With one it is a server's certificate too, else only a client's. */
  readonly hosts?: readonly string[]
}

/** The two files of a certificate. */
export interface KeyPair {
  readonly certificate: string
  readonly key: string
}

const days = '3650'
const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** The files of a certificate of this name in a directory. */
export function keyPair(directory: string, name: string): KeyPair {
  return { certificate: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) }
}

/** Makes a certificate authority named `ca` unless the directory has one. Needs the `openssl` program. */
export async function ensureAuthority(directory: string, commonName: string): Promise<KeyPair> {
  const pair = keyPair(directory, 'ca')
  if (existsSync(pair.certificate)) return pair
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const config = join(directory, 'ca.cnf')
  await writeFile(
    config,
    [
      '[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]',
      'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign,digitalSignature',
      'subjectKeyIdentifier=hash\n',
    ].join('\n'),
  )
  const subject = ['-subj', `/CN=${commonName}`, '-days', days, '-config', config]
  await openssl([
    'req',
    '-x509',
    ...curve,
    ...subject,
    '-keyout',
    pair.key,
    '-out',
    pair.certificate,
  ])
  await rm(config)
  return pair
}

/** Signs a certificate with the directory's authority unless it is there already. */
export async function ensureCertificate(
  directory: string,
  name: string,
  identity: CertificateSubject,
): Promise<KeyPair> {
  const pair = keyPair(directory, name)
  if (existsSync(pair.certificate)) return pair
  const authority = keyPair(directory, 'ca')
  const config = join(directory, `${name}.cnf`)
  const request = join(directory, `${name}.csr`)
  const fresh = join(directory, `${name}.crt.part`)
  await writeFile(config, certificateConfig(identity))
  await openssl(['req', '-new', ...curve, '-config', config, '-keyout', pair.key, '-out', request])
  const signer = ['-CA', authority.certificate, '-CAkey', authority.key, '-days', days]
  const serial = ['-set_serial', `0x01${randomBytes(12).toString('hex')}`]
  const extensions = ['-extfile', config, '-extensions', 'ext']
  await openssl([
    'x509',
    '-req',
    '-in',
    request,
    ...signer,
    ...serial,
    ...extensions,
    '-out',
    fresh,
  ])
  await rename(fresh, pair.certificate)
  await Promise.all([rm(config), rm(request)])
  return pair
}

/** Makes the key pair that signs ServiceAccount tokens: `service-account.key` and `.pub`. */
export async function ensureTokenKey(
  directory: string,
): Promise<{ readonly key: string; readonly publicKey: string }> {
  const files = {
    key: join(directory, 'service-account.key'),
    publicKey: join(directory, 'service-account.pub'),
  }
  if (existsSync(files.key)) return files
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  await writeFile(files.publicKey, publicKey)
  await writeFile(files.key, privateKey, { mode: 0o600 })
  return files
}

/** The openssl configuration that asks for an identity. */
function certificateConfig({ commonName, organization, hosts = [] }: CertificateSubject): string {
  const names = hosts.map((host, index) => `${isIP(host) ? 'IP' : 'DNS'}.${index + 1}=${host}`)
  return [
    '[req]\nprompt=no\ndistinguished_name=dn\n[dn]',
    ...(organization ? [`O=${organization}`] : []),
    `CN=${commonName}`,
    '[ext]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment',
    `extendedKeyUsage=${hosts.length > 0 ? 'serverAuth,clientAuth' : 'clientAuth'}`,
    ...(names.length > 0 ? ['subjectAltName=@names', '[names]', ...names] : []),
    '',
  ].join('\n')
}

async function openssl(args: readonly string[]): Promise<void> {
  const result = await execa('openssl', args, { reject: false })
  if (result.code === 'ENOENT')
    throw new Error('the program openssl is not installed; install it and run again')
  if (result.failed) throw new Error(`openssl ${args[0]} failed: ${result.stderr}`)
}
