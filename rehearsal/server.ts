// An Ollama-compatible server that answers from checked-in scripts. It has no model: it says so wherever it can.
import { createServer, type Server } from 'node:http'
import { createBlobs } from './blobs.ts'
import { createDownloads } from './downloads.ts'
import { createFaults } from './faults.ts'
import { createHeldModels } from './held-models.ts'
import { modelName } from './model-name.ts'
import { createRecords } from './records.ts'
import { createRoutes, type Rehearsal } from './routes.ts'
import { createRunners } from './runners.ts'
import { createScripts, type Rule } from './script.ts'
import { json, Refusal } from './wire.ts'

/** The name under which it answers. */
export const rehearsalName = 'rehearsal'

/** How the server behaves. */
export interface RehearsalOptions {
  readonly rules: readonly Rule[]
  /** Tokens a second for each answer; 0 for as fast as possible. */
  readonly rate: number
  /** Answers of a model at the same time; further questions wait without a byte, as Ollama makes them. */
  readonly parallel: number
  /** The longest context, in tokens. Default 32,768. */
  readonly contextTokens?: number | undefined
  /** How long a model takes to load. Default 0. */
  readonly loadMs?: number | undefined
  /** Models that it holds at the start beside `rehearsal`, with their sizes in bytes. */
  readonly holds?: ReadonlyMap<string, number> | undefined
  /** Models that it can pull, with their sizes in bytes. */
  readonly pullable?: ReadonlyMap<string, number> | undefined
  /** Bytes a second of each layer that is pulled; 0, the default, for as fast as possible. */
  readonly pullRate?: number | undefined
}

/** Makes the server; the caller listens and closes. */
export function createRehearsalServer(options: RehearsalOptions): Server {
  const routes = createRoutes(createRehearsal(options))
  return createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/'
    routes.answer(request.method ?? 'GET', path, request, response).catch((error: unknown) => {
      // A mistake of this server must not pass for one of its faults.
      if (!(error instanceof Refusal)) console.error(error)
      if (response.headersSent) return void response.destroy()
      const refusal = error instanceof Refusal ? error : new Refusal(500, String(error))
      for (const [name, value] of Object.entries(refusal.headers)) response.setHeader(name, value)
      json(response, refusal.status, { error: refusal.message })
    })
  })
}

function createRehearsal(options: RehearsalOptions): Rehearsal {
  const { rate, parallel, rules, contextTokens = 32_768, loadMs = 0, pullRate = 0 } = options
  const held = createHeldModels()
  for (const [name, size] of options.holds ?? []) held.add(name, size)
  held.add(
    rehearsalName,
    rules.reduce((sum, rule) => sum + Buffer.byteLength(rule.answer), 0),
  )
  // What it holds came from a registry, which has it still.
  const pullable = new Map(
    [...(options.holds ?? []), ...(options.pullable ?? [])].map(([name, size]) => [
      modelName(name)?.full ?? name,
      size,
    ]),
  )
  return {
    held,
    pullable,
    rate,
    contextTokens,
    runners: createRunners({ parallel, loadMs }),
    scripts: createScripts(rules),
    faults: createFaults(),
    records: createRecords(),
    downloads: createDownloads(pullRate),
    blobs: createBlobs(),
  }
}
