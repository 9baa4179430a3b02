import { parse } from 'yaml'
import { z } from 'zod'
import type { Connection } from '../../cli/cluster/connection.ts'
import { rehearsalModel } from '../../core/api/names.ts'
import { configMaps } from '../../core/kube/core.ts'
import { isNotFound } from '../../core/kube/errors.ts'
import type { Log } from '../cluster/log.ts'
import type { ModelSettings } from './chart-step.ts'
import { defaultModel, holdsModel, pull, withOllama, type ModelAnswer } from './model-step.ts'

export interface ModelOptions {
  readonly connection: Connection
  /** What the person named, if anything. */
  readonly wanted: string | undefined
  /** False where Pods have no way out, whatever the chart allows. */
  readonly canReachOutside: boolean
  readonly log: Log
  readonly signal: AbortSignal
}

const operatorConfig = z.object({ models: z.array(z.object({ name: z.string() })) })

/**
 * What to install the chart with, before the model server was asked for the first time.
 * A run that finds the system up keeps what the last one settled on, unless the person names a model.
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
    // No such Pod, or one that does not answer: the first run, or a restart. The chart is installed either way.
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

/** Asks the model server in the cluster, and says aloud which model does the work and why. */
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
