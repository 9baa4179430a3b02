import type { Connection } from '../../cli/cluster/connection.ts'
import { withPortForward } from '../../cli/cluster/port-forward.ts'
import { labels, ports } from '../../core/api/names.ts'
import { percentOf, pullModel } from '../../core/models/servers/pull.ts'
import { sameModel } from '../../core/models/servers/model.ts'
import { heldModels } from '../../core/models/servers/ollama.ts'
import { duration, type Log } from '../cluster/log.ts'

/** The model a person gets who names none. */
export const defaultModel = 'qwen2.5-coder:7b'

/** A download that shows no progress for so long is given up, in milliseconds. */
const patienceMs = 30_000

/** Whether the server has the model, or why not. */
export type ModelAnswer =
  | { readonly kind: 'held' }
  | { readonly kind: 'pulled' }
  | { readonly kind: 'absent'; readonly why: string }

/** Runs `work` with the address of the Ollama server in the cluster. */
export async function withOllama<T>(
  connection: Connection,
  signal: AbortSignal,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const { client, namespace, flags } = connection
  const selector = `${labels.name}=guildhall,${labels.component}=ollama`
  const target = { client, flags, namespace, selector, what: 'model server', port: ports.ollama }
  return withPortForward({ ...target, signal }, work)
}

/** True when the server holds the model. */
export async function holdsModel(url: string, name: string, signal: AbortSignal): Promise<boolean> {
  return (await heldModels({ endpoint: url }, { signal })).some((held) =>
    sameModel(held.name, name),
  )
}

/** Has the server download the model. Gives up when it makes no progress; a server without a way out says so at once. */
export async function pull(
  url: string,
  name: string,
  options: { readonly log: Log; readonly signal: AbortSignal },
): Promise<ModelAnswer> {
  const { log, signal } = options
  const startedAt = Date.now()
  const limit = new AbortController()
  const stop = () => limit.abort(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  const giveUp = () => limit.abort(new Error(`no progress for ${duration(patienceMs)}`))
  let timer = setTimeout(giveUp, patienceMs)
  let last = ''
  try {
    await pullModel({ endpoint: url }, name, {
      signal: limit.signal,
      onProgress: (progress) => {
        const percent = percentOf(progress)
        const text = `${progress.status}${percent === undefined ? '' : ` ${percent} %`}`
        clearTimeout(timer)
        timer = setTimeout(giveUp, patienceMs)
        if (text === last) return
        last = text
        log.update(`downloading ${name}: ${text}   ${duration(Date.now() - startedAt)}`)
      },
    })
    return { kind: 'pulled' }
  } catch (error) {
    signal.throwIfAborted()
    const reason: unknown = limit.signal.aborted ? limit.signal.reason : error
    return { kind: 'absent', why: reason instanceof Error ? reason.message : String(reason) }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}
