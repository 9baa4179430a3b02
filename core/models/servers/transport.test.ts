import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  reply,
  startScriptedServer,
  type ScriptedServer,
} from '../../../test/support/scripted-server.ts'
import { allowedRoutes, send } from './transport.ts'

let server: ScriptedServer
let elsewhere: ScriptedServer
beforeEach(async () => {
  elsewhere = await startScriptedServer((_, response) => reply(response, 200, {}))
  server = await startScriptedServer(({ path }, response) => {
    if (path === '/api/tags') {
      response.writeHead(307, { location: `${elsewhere.config.server}/api/tags` }).end()
    } else reply(response, 200, {})
  })
})
afterEach(async () => {
  await Promise.all([server.close(), elsewhere.close()])
})

const { signal } = new AbortController()
describe('a request is sent', () => {
  test.each([...allowedRoutes].filter((route) => route !== 'GET /api/tags'))(
    '%s',
    async (route) => {
      const [method = '', path = ''] = route.split(' ')
      await send(`${server.config.server}${path}`, {
        method,
        signal,
        endpoint: server.config.server,
      })
      expect(server.requests).toHaveLength(1)
    },
  )

  test('to a server below a path', async () => {
    const endpoint = `${server.config.server}/models/`
    await send(`${server.config.server}/models/api/ps`, { method: 'GET', signal, endpoint })
    expect(server.requests).toHaveLength(1)
  })
})

describe('nothing is sent', () => {
  test.each([
    ['to a route that is not needed', 'POST', '/api/push'],
    ['to delete a model', 'DELETE', '/api/delete'],
    ['with another method', 'DELETE', '/api/chat'],
    ['around a corner', 'POST', '/api/chat/../push'],
    ['below a route', 'POST', '/api/chat/more'],
    ['to the root', 'GET', '/'],
  ])('%s', async (_, method, path) => {
    const { server: endpoint } = server.config
    await expect(send(`${endpoint}${path}`, { method, signal, endpoint })).rejects.toThrow(
      'is not a route of the model server',
    )
    expect(server.requests).toHaveLength(0)
  })

  test('to another server than the profile names', async () => {
    const url = `${elsewhere.config.server}/api/chat`
    const { server: endpoint } = server.config
    await expect(send(url, { method: 'POST', signal, endpoint })).rejects.toThrow('is not a route')
    expect(elsewhere.requests).toHaveLength(0)
  })

  test('to where a redirect leads', async () => {
    const { server: endpoint } = server.config
    const request = send(`${endpoint}/api/tags`, { method: 'GET', signal, endpoint })
    await expect(request).rejects.toMatchObject({
      status: 307,
      message: `it redirects to ${elsewhere.config.server}/api/tags, which is not followed`,
    })
    expect(elsewhere.requests).toHaveLength(0)
  })
})
