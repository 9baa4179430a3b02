// `/api/blobs`: what is sent is checked as Ollama checks it, and then forgotten; only what it was stays known.
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Refusal } from './wire.ts'

/** A file that was sent. */
export interface Blob {
  readonly size: number
  /** It begins as GGUF files do. */
  readonly gguf: boolean
}

/** The files that were sent, by their digests. */
export interface Blobs {
  find(digest: string): Blob | undefined
  head(digest: string, response: ServerResponse): void
  post(digest: string, request: IncomingMessage, response: ServerResponse): Promise<void>
}

const digestShape = /^sha256[:-][0-9a-f]{64}$/i

/** Throws a `Refusal` with `status` for what is no digest. */
export function checkDigest(digest: string, status = 400): void {
  if (!digestShape.test(digest)) throw new Refusal(status, 'invalid digest format')
}

/** Makes an empty store. */
export function createBlobs(): Blobs {
  const known = new Map<string, Blob>()
  const find = (digest: string) => known.get(digest.replace('-', ':'))
  return {
    find,
    head(digest, response) {
      checkDigest(digest)
      if (find(digest) === undefined) throw new Refusal(404, `blob "${digest}" not found`)
      response.end()
    },
    async post(digest, request, response) {
      checkDigest(digest)
      if (find(digest) !== undefined) {
        request.resume()
        response.end()
        return
      }
      const hash = createHash('sha256')
      let size = 0
      let magic = Buffer.alloc(0)
      for await (const part of request) {
        const chunk = Buffer.from(part)
        hash.update(chunk)
        size += chunk.length
        if (magic.length < 4) magic = Buffer.concat([magic, chunk.subarray(0, 4)])
      }
      const found = `sha256:${hash.digest('hex')}`
      // Ollama keeps it under the name it should have had.
      known.set(found, { size, gguf: magic.toString('latin1', 0, 4) === 'GGUF' })
      if (found !== digest) {
        throw new Refusal(400, `digest mismatch, expected "${digest}", got "${found}"`)
      }
      response.statusCode = 201
      response.end()
    },
  }
}
