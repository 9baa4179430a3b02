import { Ollama } from 'ollama'
import type { ModelProfile } from '../profile.ts'
import { bearerOf, callFetch } from './transport.ts'

/** Where a server is, and the file with the token that opens it. */
export type ServerAddress = Pick<ModelProfile, 'endpoint' | 'tokenFile'>

/**
 * npm `ollama` for one server, which may stand below a path or behind a proxy that wants a token.
 * Everything it asks ends with `signal`. Throws ModelError `ModelUnavailable` when the token cannot be read.
 */
export async function connect(server: ServerAddress, signal: AbortSignal): Promise<Ollama> {
  const { endpoint } = server
  const headers = await bearerOf(server)
  return new Ollama({ host: endpoint, fetch: callFetch(signal, { endpoint }), headers })
}
