// The server's signature below its answers. A command runs as the server's user, so it can end the server and listen in
// its place; it cannot sign.
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto'
import { closeSync, readSync } from 'node:fs'

/** What the server signs with. */
export interface Identity {
  /** DER (SPKI), base64; for `GET /identity`. */
  readonly publicKey: string
  /** Base64. */
  sign(text: string): string
}

/**
 * The identity whose Ed25519 seed (32 bytes) waits at a descriptor, where process 1 put it; the descriptor is closed.
 * Without one, a new identity. Throws when the seed is not whole.
 */
export function takeIdentity(descriptor: number | undefined): Identity {
  if (descriptor === undefined) return identityOf(generateKeyPairSync('ed25519').privateKey)
  const seed = Buffer.alloc(32)
  const length = readSync(descriptor, seed)
  closeSync(descriptor)
  if (length !== seed.length) throw new Error('the sandbox was given no whole key')
  // A seed in PKCS #8 (RFC 8410, section 7) is this head and the seed.
  const head = Buffer.from('302e020100300506032b657004220420', 'hex')
  const key = createPrivateKey({ key: Buffer.concat([head, seed]), format: 'der', type: 'pkcs8' })
  return identityOf(key)
}

function identityOf(key: KeyObject): Identity {
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).toString('base64')
  return { publicKey, sign: (text) => sign(null, Buffer.from(text), key).toString('base64') }
}
