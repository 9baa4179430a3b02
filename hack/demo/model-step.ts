import { parse } from 'yaml'
import { z } from 'zod'
import { type Connection, withPortForward } from '../../cli/cluster/connection.ts'
import { labels, ports, rehearsalModel } from '../../core/api/names.ts'
import { configMaps } from '../../core/kube/built-in-kinds.ts'
import { isNotFound } from '../../core/kube/errors.ts'
import { type Log, duration } from '../cluster/log.ts'
import type { ModelSettings } from './chart-step.ts'
import { percentOf, pullModel } from '../../core/models/servers/pull.ts'
import { sameModel } from '../../core/models/servers/model.ts'
import { heldModels } from '../../core/models/servers/ollama.ts'

interface ModelOptions {
  readonly connection: Connection
  /** The model that the person named, if any. */
  readonly wanted: string | undefined
  /** False where Pods have no way out, whatever the chart allows. */
  readonly canReachOutside: boolean
  readonly log: Log
  readonly signal: AbortSignal
}

const operatorConfig = z.object({ models: z.array(z.object({ name: z.string() })) })

/**
 * The settings of the chart before the model server was asked for the first time.
 * A run that finds the system up keeps the model of the last run, unless the person names a model.
 */
export async function firstSettings(options: ModelOptions): Promise<ModelSettings> {
  const { connection, wanted, canReachOutside, signal } = options
  const name = wanted ?? defaultModel
  if (name === rehearsalModel) return rehearsing(defaultModel)
  if (await held(options, name)) return { name, rehearsal: false, openForDownload: false }
  const settled = await settledModel(connection, signal)
  const again = wanted === undefined && settled === rehearsalModel
  return { name, rehearsal: true, openForDownload: canReachOutside && !again }
}

const rehearsing = (name: string): ModelSettings => ({
  name,
  rehearsal: true,
  openForDownload: false,
})

/** True when the model server of an earlier run holds the model already. */
async function held(options: ModelOptions, name: string): Promise<boolean> {
  const { connection, signal } = options
  try {
    return await withOllama(connection, signal, (url) => holdsModel(url, name, signal))
  } catch {
    signal.throwIfAborted()
    // No such Pod, or one that does not answer: the first run, or a restart. The chart is installed
    // either way.
    return false
  }
}

/** The default model of the operator's present configuration. */
async function settledModel(
  { client, namespace }: Connection,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const config = await client.get(configMaps, { namespace, name: 'guildhall-config', signal })
    return operatorConfig.parse(parse(config.data?.['config.yaml'] ?? '')).models[0]?.name
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** Asks the model server in the cluster, and logs which model does the work and why. */
export async function chooseModel(
  options: ModelOptions,
  first: ModelSettings,
): Promise<ModelSettings> {
  const { connection, wanted, log, signal } = options
  const { name } = first
  if (wanted === rehearsalModel) {
    log.line('the rehearsal model does the work: --model says so')
    explainRehearsal(log)
    return first
  }
  log.line(`wanted: ${name}${wanted === undefined ? ' (the default; --model names another)' : ''}`)
  const answer = await withOllama(connection, signal, async (url): Promise<ModelAnswer> => {
    if (await holdsModel(url, name, signal)) return { kind: 'held' }
    log.line('the in-cluster Ollama does not hold it; asking it to download it …')
    return pull(url, name, { log, signal })
  })
  if (answer.kind !== 'absent') {
    const how = answer.kind === 'held' ? 'the server holds it' : 'downloaded'
    log.line(`${name} does the work: ${how}`)
    return { name, rehearsal: false, openForDownload: false }
  }
  log.line(`it cannot be downloaded here: ${answer.why}`)
  log.line('so the rehearsal model does the work')
  explainRehearsal(log)
  log.line('a small real model, SmolLM2, answers one real planning question after the story')
  return rehearsing(name)
}

function explainRehearsal(log: Log): void {
  log.line(
    'rehearsal: an Ollama-compatible server that answers from checked-in scripts. Everything else is real:',
  )
  log.line(
    '  planning, agents, Pods, git, tests that fail and pass, merging. It is no language model.',
  )
}

/** The model a person gets who names none. */
export const defaultModel = 'qwen2.5-coder:7b'

/** A download that shows no progress for so long is given up, in milliseconds. */
const patienceMs = 30_000

/** Whether the server has the model, or why not. */
type ModelAnswer =
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
async function holdsModel(url: string, name: string, signal: AbortSignal): Promise<boolean> {
  return (await heldModels({ endpoint: url }, { signal })).some((held) =>
    sameModel(held.name, name),
  )
}

/**
 * Has the server download the model. Gives up when it makes no progress; a server without a way out
 * says so at once.
 */
async function pull(
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
