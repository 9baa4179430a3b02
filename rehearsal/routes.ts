import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import { answer, type AnswerParts } from './answer.ts'
import type { Blobs } from './blobs.ts'
import { create } from './create.ts'
import { fault } from './faults.ts'
import { shownModel, tagEntry, type HeldModel, type HeldModels } from './held-models.ts'
import { modelName } from './model-name.ts'
import { pull, type PullParts } from './pull.ts'
import { askedByChat, askedByGenerate, read } from './question.ts'
import { json, readJson, Refusal } from './wire.ts'

/** Everything that the routes work on. */
export type Rehearsal = AnswerParts & PullParts & { readonly blobs: Blobs }

type Route = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void

/** The server's routes. */
export interface Routes {
  /** Answers, or rejects with what the request is refused with. */
  answer(
    method: string,
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void>
}

/** What `GET /rehearsal` says. */
export const selfDescription = `This is the rehearsal model of Guildhall. It speaks Ollama's protocol and has no model: it answers from
checked-in scripts, or says that it has none. What it says is no judgement and no work of a model.

GET    /rehearsal/records  what was asked, what was pulled, and whether every call kept to the same options
DELETE /rehearsal/records  forget that
POST   /rehearsal/faults   let something go wrong: {"kind": "503", "times": 2}; kinds: rehearsal/README.md
DELETE /rehearsal/faults   let nothing go wrong any more
`

/** The release of Ollama whose behaviour this is; the images hold the same one. */
export const version = '0.17.4'

const nameBody = z.looseObject({ name: z.string().default(''), model: z.string().default('') })

/** Makes the routes. */
export function createRoutes(rehearsal: Rehearsal): Routes {
  const { held, runners, faults, records } = rehearsal
  const hello: Route = (_, response) => plain(response, 200, 'Ollama is running (rehearsal)')
  const tellVersion: Route = (_, response) => json(response, 200, { version })
  const tags: Route = (_, response) => json(response, 200, { models: held.list().map(tagEntry) })

  const routes: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
    '/': { GET: hello, HEAD: hello },
    '/api/version': { GET: tellVersion, HEAD: tellVersion },
    '/api/tags': { GET: tags, HEAD: tags },
    '/api/ps': { GET: (_, response) => json(response, 200, { models: runners.list() }) },
    '/api/show': {
      async POST(request, response) {
        const { model, name } = read(nameBody, await readJson(request))
        const wanted = model || name
        if (wanted === '') throw new Refusal(400, 'model is required')
        if (modelName(wanted) === undefined) {
          throw new Refusal(500, `unqualified name: registry.ollama.ai/library/${wanted}:latest`)
        }
        json(response, 200, shownModel(heldModel(held, wanted), rehearsal.contextTokens))
      },
    },
    '/api/delete': {
      async DELETE(request, response) {
        const { model, name } = read(nameBody, await readJson(request))
        const wanted = model || name
        if (modelName(wanted) === undefined) {
          throw new Refusal(400, `name ${JSON.stringify(wanted)} is invalid`)
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
        faults.add(read(fault, await readJson(request)))
        json(response, 200, {})
      },
      DELETE(_, response) {
        faults.clear()
        json(response, 200, {})
      },
    },
    '/rehearsal/records': {
      GET: (_, response) => json(response, 200, records.read()),
      DELETE(_, response) {
        records.clear()
        json(response, 200, {})
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

/** A model that is held; a `Refusal` in the words that all routes but those for answers use. */
function heldModel(held: HeldModels, name: string): HeldModel {
  const found = held.find(name)
  if (found === undefined) throw new Refusal(404, `model '${name}' not found`)
  return found
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.end(text)
}
