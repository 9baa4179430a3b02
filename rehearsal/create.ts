// `/api/create`: a model from files that were sent, or from one that is held or can be pulled.
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import { checked, goneSignal } from '../core/base/http.ts'
import { modelName } from './held-models.ts'
import { type PullTelling, type PullParts, pullModel, tellProgress } from './pull.ts'
import { OllamaRefusal } from './http.ts'

const createBody = z.looseObject({
  model: z.string().default(''),
  name: z.string().default(''),
  from: z.string().default(''),
  files: z.record(z.string(), z.string()).nullish(),
  stream: z.boolean().nullish(),
})

/** Answers `/api/create`. */
export async function create(
  parts: PullParts & { readonly blobs: Blobs },
  raw: unknown,
  response: ServerResponse,
): Promise<void> {
  const body = checked(createBody, raw)
  const files = Object.entries(body.files ?? {})
  if (files.some(([path]) => !isRelative(path))) {
    throw new OllamaRefusal(400, 'file path must be relative')
  }
  const name = modelName(body.model || body.name)
  if (name === undefined) throw new OllamaRefusal(400, 'invalid model name')
  const signal = goneSignal(response)
  await tellProgress(response, { stream: body.stream ?? true, signal }, async (progress) => {
    const pulling = { progress, signal, cut: () => response.destroy() }
    const size =
      body.from === ''
        ? await sizeOfFiles(parts.blobs, body.files === undefined ? undefined : files, pulling)
        : await sizeOfBase(parts, body.from, pulling)
    if (size === undefined) return
    await progress.say({ status: 'writing manifest' })
    parts.held.add(name.full, size)
    await progress.say({ status: 'success' })
  })
}

/** As Go's `fs.ValidPath` has it. */
function isRelative(path: string): boolean {
  return path === '.' || path.split('/').every((part) => !['', '.', '..'].includes(part))
}

async function sizeOfFiles(
  blobs: Blobs,
  files: readonly (readonly [string, string])[] | undefined | null,
  { progress }: PullTelling,
): Promise<number> {
  if (files === undefined || files === null) {
    throw new OllamaRefusal(400, "neither 'from' or 'files' was specified")
  }
  const known = files.some(
    ([path, digest]) => path.endsWith('.gguf') || blobs.find(digest)?.gguf === true,
  )
  if (!known) throw new OllamaRefusal(400, 'unknown type')
  let size = 0
  for (const [, digest] of files) {
    await progress.say({ status: 'parsing GGUF' })
    size += weights(digest, blobs).size
  }
  return size
}

function weights(digest: string, blobs: Blobs): Blob {
  checkDigest(digest, 500)
  const blob = blobs.find(digest)
  if (blob === undefined) {
    const file = `/models/blobs/${digest.replace(':', '-')}`
    throw new OllamaRefusal(500, `open ${file}: no such file or directory`)
  }
  if (!blob.gguf) throw new OllamaRefusal(400, 'supplied file was not in GGUF format')
  return blob
}

async function sizeOfBase(
  parts: PullParts,
  from: string,
  options: PullTelling,
): Promise<number | undefined> {
  const base = modelName(from)
  if (base === undefined) throw new OllamaRefusal(400, 'invalid model name')
  if (parts.held.find(base.full) === undefined) await pullModel(parts, base, options)
  return parts.held.find(base.full)?.size
}

/** A file that was sent. */
interface Blob {
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

/** Throws a `OllamaRefusal` with `status` for text that is not a digest. */
function checkDigest(digest: string, status = 400): void {
  if (!digestShape.test(digest)) throw new OllamaRefusal(status, 'invalid digest format')
}

/** Makes an empty store. */
export function createBlobs(): Blobs {
  const known = new Map<string, Blob>()
  const find = (digest: string) => known.get(digest.replace('-', ':'))
  return {
    find,
    head(digest, response) {
      checkDigest(digest)
      if (find(digest) === undefined) throw new OllamaRefusal(404, `blob "${digest}" not found`)
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
        throw new OllamaRefusal(400, `digest mismatch, expected "${digest}", got "${found}"`)
      }
      response.statusCode = 201
      response.end()
    },
  }
}
