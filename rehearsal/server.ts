// An Ollama-compatible server that answers from checked-in scripts. It has no model: it says so
// wherever it can.
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import { z } from 'zod'
import { Problem, checked, sendJson, sendProblem } from '../core/base/http.ts'
import { type AnswerParts, answer } from './answer.ts'
import { type Blobs, create, createBlobs } from './create.ts'
import { type PullParts, createDownloads, pull } from './pull.ts'
import { createFaults, fault } from './faults.ts'
import {
  type RehearsedModel,
  type HeldModels,
  createHeldModels,
  modelName,
  shownModel,
  tagEntry,
} from './held-models.ts'
import { askedByChat, askedByGenerate } from './question.ts'
import { createRecords } from './records.ts'
import { createRunners } from './runners.ts'
import { type ScriptRule, createScripts } from './script.ts'
import { OllamaRefusal, plain, readJson } from './http.ts'

/** The name under which it answers. */
export const rehearsalName = 'rehearsal'

/** How the server behaves. */
export interface RehearsalOptions {
  readonly rules: readonly ScriptRule[]
  /** Tokens a second for each answer; 0 for as fast as possible. */
  readonly rate: number
  /**
   * Answers of a model at the same time; further questions wait without a byte, as Ollama makes
   * them.
   */
  readonly parallel: number
  /** The longest context, in tokens. Default 32,768. */
  readonly contextTokens?: number | undefined
  /** How long a model takes to load. Default 0. */
  readonly loadMs?: number | undefined
  /** Models that it holds at the start besides `rehearsal`, with their sizes in bytes. */
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
      // A mistake of this server must not look like an injected fault, so it is printed.
      if (!(error instanceof Problem)) console.error(error)
      const problem = error instanceof Problem ? error : new Problem(500, 'Internal', String(error))
      sendProblem(response, problem, { error: problem.message })
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

/** Everything that the routes work on. */
type Rehearsal = AnswerParts & PullParts & { readonly blobs: Blobs }

type Route = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void

/** The server's routes. */
interface Routes {
  /** Answers, or rejects with what the request is refused with. */
  answer(
    method: string,
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void>
}

/** What `GET /rehearsal` says. */
const selfDescription = `This is the rehearsal model of Guildhall. It speaks Ollama's protocol and has no model: it answers from
checked-in scripts, or says that it has none. What it says is neither judgement nor work of a model.

GET    /rehearsal/records  what was asked, what was pulled, and whether every call kept to the same options
DELETE /rehearsal/records  forget that
POST   /rehearsal/faults   let something go wrong: {"kind": "503", "times": 2}; kinds: rehearsal/README.md
DELETE /rehearsal/faults   let nothing go wrong any more
`

/** The release of Ollama whose behaviour this is; the images hold the same one. */
const version = '0.17.4'

const nameBody = z.looseObject({ name: z.string().default(''), model: z.string().default('') })

/** Makes the routes. */
function createRoutes(rehearsal: Rehearsal): Routes {
  const { held, runners, faults, records } = rehearsal
  const hello: Route = (_, response) => plain(response, 200, 'Ollama is running (rehearsal)')
  const tellVersion: Route = (_, response) => sendJson(response, 200, { version })
  const tags: Route = (_, response) =>
    sendJson(response, 200, { models: held.list().map(tagEntry) })

  const routes: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
    '/': { GET: hello, HEAD: hello },
    '/api/version': { GET: tellVersion, HEAD: tellVersion },
    '/api/tags': { GET: tags, HEAD: tags },
    '/api/ps': { GET: (_, response) => sendJson(response, 200, { models: runners.list() }) },
    '/api/show': {
      async POST(request, response) {
        const { model, name } = checked(nameBody, await readJson(request))
        const wanted = model || name
        if (wanted === '') throw new OllamaRefusal(400, 'model is required')
        if (modelName(wanted) === undefined) {
          throw new OllamaRefusal(
            500,
            `unqualified name: registry.ollama.ai/library/${wanted}:latest`,
          )
        }
        sendJson(response, 200, shownModel(heldModel(held, wanted), rehearsal.contextTokens))
      },
    },
    '/api/delete': {
      async DELETE(request, response) {
        const { model, name } = checked(nameBody, await readJson(request))
        const wanted = model || name
        if (modelName(wanted) === undefined) {
          throw new OllamaRefusal(400, `name ${JSON.stringify(wanted)} is invalid`)
        }
        const found = heldModel(held, wanted)
        runners.unload(found.name)
        held.remove(found.name)
        response.end()
      },
    },
    '/api/chat': {
      async POST(request, response) {
        await answer(rehearsal, askedByChat(await readJson(request)), response)
      },
    },
    '/api/generate': {
      async POST(request, response) {
        await answer(rehearsal, askedByGenerate(await readJson(request)), response)
      },
    },
    '/api/pull': {
      async POST(request, response) {
        await pull(rehearsal, await readJson(request), response)
      },
    },
    '/api/create': {
      async POST(request, response) {
        await create(rehearsal, await readJson(request), response)
      },
    },
    '/rehearsal': {
      GET: (_, response) => plain(response, 200, selfDescription),
    },
    '/rehearsal/faults': {
      async POST(request, response) {
        faults.add(checked(fault, await readJson(request)))
        sendJson(response, 200, {})
      },
      DELETE(_, response) {
        faults.clear()
        sendJson(response, 200, {})
      },
    },
    '/rehearsal/records': {
      GET: (_, response) => sendJson(response, 200, records.read()),
      DELETE(_, response) {
        records.clear()
        sendJson(response, 200, {})
      },
    },
  }

  function methodsOf(path: string): Readonly<Record<string, Route>> | undefined {
    const digest = /^\/api\/blobs\/([^/]+)$/.exec(path)?.[1]
    if (digest === undefined) return routes[path]
    return {
      HEAD: (_, response) => rehearsal.blobs.head(digest, response),
      POST: (request, response) => rehearsal.blobs.post(digest, request, response),
    }
  }

  return {
    async answer(method, path, request, response) {
      const methods = methodsOf(path)
      const route = methods?.[method]
      if (route !== undefined) return await route(request, response)
      // The words of Ollama's web framework, which are no JSON.
      if (methods === undefined) plain(response, 404, '404 page not found')
      else plain(response, 405, '405 method not allowed')
    },
  }
}

/** A model that is held; a `OllamaRefusal` in the words that all routes but those for answers use. */
function heldModel(held: HeldModels, name: string): RehearsedModel {
  const found = held.find(name)
  if (found === undefined) throw new OllamaRefusal(404, `model '${name}' not found`)
  return found
}
