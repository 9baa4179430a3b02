// `/api/create`: a model from files that were sent, or from one that is held or can be pulled.
import type { ServerResponse } from 'node:http'
import { z } from 'zod'
import { checkDigest, type Blob, type Blobs } from './blobs.ts'
import { modelName } from './model-name.ts'
import { tellProgress } from './progress.ts'
import { pullModel, type PullOptions, type PullParts } from './pull.ts'
import { read } from './question.ts'
import { goneSignal, Refusal } from './wire.ts'

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
  const body = read(createBody, raw)
  const files = Object.entries(body.files ?? {})
  if (files.some(([path]) => !isRelative(path))) {
    throw new Refusal(400, 'file path must be relative')
  }
  const name = modelName(body.model || body.name)
  if (name === undefined) throw new Refusal(400, 'invalid model name')
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
  { progress }: PullOptions,
): Promise<number> {
  if (files === undefined || files === null) {
    throw new Refusal(400, "neither 'from' or 'files' was specified")
  }
  const known = files.some(
    ([path, digest]) => path.endsWith('.gguf') || blobs.find(digest)?.gguf === true,
  )
  if (!known) throw new Refusal(400, 'unknown type')
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
    throw new Refusal(500, `open ${file}: no such file or directory`)
  }
  if (!blob.gguf) throw new Refusal(400, 'supplied file was not in GGUF format')
  return blob
}

async function sizeOfBase(
  parts: PullParts,
  from: string,
  options: PullOptions,
): Promise<number | undefined> {
  const base = modelName(from)
  if (base === undefined) throw new Refusal(400, 'invalid model name')
  if (parts.held.find(base.full) === undefined) await pullModel(parts, base, options)
  return parts.held.find(base.full)?.size
}
