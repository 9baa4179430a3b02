import { withDeadline } from '../../core/base/wait.ts'
import { ModelError } from '../../core/models/errors.ts'
import { isCloudName, sameModel } from '../../core/models/servers/model.ts'
import { modelProfile, type ModelProfile } from '../../core/models/profile.ts'
import { ForeignAnswerError } from '../../core/models/servers/foreign-answer.ts'
import { heldModels, showModel } from '../../core/models/servers/ollama.ts'
import { networkReason } from '../../core/models/servers/transport.ts'
import { systemClock } from '../../core/base/clock.ts'
import { leastContext } from '../arguments.ts'
import { CliError, exitCodes } from '../failure.ts'

/** What a person can say about the model. */
export interface ModelFlags {
  /** Where Ollama listens, in the forms that OLLAMA_HOST takes. */
  readonly ollama?: string | undefined
  readonly model?: string | undefined
  /** Tokens, prompt and answer together. */
  readonly context?: number | undefined
  readonly tier?: ModelProfile['tier'] | undefined
}

const defaultPort = '11434'
/** Enough for a plan, and what most machines have memory for. */
const usualContext = 8192
/** A server that is busy with an answer still lists its models at once. */
const patienceMs = 10_000

/**
 * The address of the server: `--ollama`, else `OLLAMA_HOST` read as Ollama's own command does, else
 * this machine.
 */
export function ollamaEndpoint(
  flag: string | undefined,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const given = flag ?? env['OLLAMA_HOST']?.trim()
  if (given === undefined || given === '') return `http://127.0.0.1:${defaultPort}`
  const hasScheme = /^https?:\/\//i.test(given)
  const [, other] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(given) ?? []
  if (!hasScheme && other !== undefined)
    throw new CliError(
      `${given} is no address of a model server: it begins with ${other}://, and a model server is asked by http:// or https://`,
      {
        next: `guild plan --ollama http://127.0.0.1:${defaultPort} …`,
        exitCode: exitCodes.usage,
      },
    )
  const text = hasScheme ? given : `http://${given.replace(/^:/, '127.0.0.1:')}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) {
    throw new CliError(`${given} is no address of a model server`, {
      next: `guild plan --ollama http://127.0.0.1:${defaultPort} …`,
      exitCode: exitCodes.usage,
    })
  }
  if (!hasScheme && url.port === '') url.port = defaultPort
  // Where a server listens on every interface, a client means this machine.
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1'
  return url.href.replace(/\/+$/, '')
}

/**
 * Finds the model that plans: the one that was named, else the first the server holds that can
 * write.
 * Errors: `CliError` at once for a server that cannot be reached, and for a model that it does not
 * hold; the error lists the models that it holds. Caveat: a model that runs elsewhere is never
 * used, because the request would leave the machine.
 */
export async function chooseModel(
  flags: ModelFlags,
  options: { readonly signal: AbortSignal },
): Promise<ModelProfile> {
  const endpoint = ollamaEndpoint(flags.ollama)
  const ask = <T>(question: (signal: AbortSignal) => Promise<T>) =>
    askServer(endpoint, options.signal, question)
  const all = await ask((signal) => heldModels({ endpoint }, { signal }))
  const held = all.map(({ name }) => name.replace(/:latest$/, ''))
  const runsElsewhere = (name: string): boolean =>
    isCloudName(name) ||
    all.some((one) => sameModel(one.name, name) && one.remoteHost !== undefined)
  const wanted = flags.model
  if (wanted !== undefined && !held.some((name) => sameModel(name, wanted))) {
    throw missing(endpoint, wanted, held)
  }
  for (const name of wanted === undefined ? held : [wanted]) {
    const facts = await ask((signal) => showModel({ endpoint }, name, { signal }))
    const { capabilities } = facts
    const writes = capabilities.length === 0 || capabilities.includes('completion')
    if (writes && !runsElsewhere(name)) return profileOf(flags, endpoint, name, facts.contextTokens)
    if (wanted === undefined) continue
    throw new CliError(
      writes
        ? `${name} runs on somebody else's machine; the request would leave this one`
        : `${name} cannot write text, only ${capabilities.join(', ')}`,
      { next: nextModel(held.filter((other) => other !== name)) },
    )
  }
  throw new CliError(`the server at ${endpoint} holds no model that can plan`, {
    next: nextModel([]),
  })
}

function profileOf(
  flags: ModelFlags,
  endpoint: string,
  name: string,
  longest: number | undefined,
): ModelProfile {
  const contextTokens = flags.context ?? Math.min(usualContext, longest ?? usualContext)
  if (contextTokens < leastContext) {
    throw new CliError(
      `a context of ${contextTokens} tokens is too small to plan in; ${leastContext} is the least`,
      { next: `guild plan --context ${usualContext} …`, exitCode: exitCodes.usage },
    )
  }
  return modelProfile.parse({ name, endpoint, contextTokens, tier: flags.tier })
}

async function askServer<T>(
  endpoint: string,
  signal: AbortSignal,
  question: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  let bounded: AbortSignal | undefined
  const deadline = { clock: systemClock, ms: patienceMs, name: 'the model server', signal }
  try {
    return await withDeadline(deadline, async (inner) => {
      bounded = inner
      return question(inner)
    })
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof ForeignAnswerError)
      throw new CliError(error.message, { next: lookAt(endpoint), cause: error })
    const why = bounded?.aborted
      ? `no answer within ${patienceMs / 1000} s`
      : networkWords(networkReason(error))
    throw new CliError(`the model server at ${endpoint} cannot be used: ${why}`, {
      next: /^(?:the address|its port|it sends|there is no such host)/.test(why)
        ? `guild plan --ollama http://127.0.0.1:${defaultPort} …   (with the address of an Ollama)`
        : 'ollama serve   (or name another server: --ollama URL)',
      cause: error,
    })
  }
}

/** What stopped a connection, where the library's words are for its authors. */
function networkWords(said: string): string {
  if (/wrong version number|packet length too long|EPROTO/i.test(said))
    return 'the address begins with https, and the server there does not speak TLS; try http://'
  if (/bad port/i.test(said)) return 'its port is one that is kept for other things than HTTP'
  if (/redirect/i.test(said))
    return 'it sends on to another address (a redirect), and requests are not sent on; name the address it leads to'
  if (/ENOTFOUND/.test(said)) return `there is no such host (${said})`
  if (/certificate|self.signed|altnames/i.test(said))
    return `its certificate is not trusted here (${said})`
  return said.replace(/^[0-9A-F]{8,}:error:[0-9A-F]+:/i, '').trim()
}

/** An answer of something else than Ollama is seen best as it is. */
function lookAt(endpoint: string): string {
  return `curl -i ${endpoint}/api/tags   (Ollama answers with JSON; name another server: --ollama URL)`
}

function missing(endpoint: string, wanted: string, held: readonly string[]): CliError {
  const holds = held.length === 0 ? 'it holds none' : `it holds ${held.join(', ')}`
  return new CliError(`the server at ${endpoint} does not hold the model ${wanted}; ${holds}`, {
    next: `ollama pull ${wanted}${held[0] === undefined ? '' : `   (or --model ${held[0]})`}`,
  })
}

function nextModel(others: readonly string[]): string {
  const other = others.find((name) => !isCloudName(name))
  return other === undefined ? 'ollama pull qwen2.5-coder:7b' : `guild plan --model ${other} …`
}

/**
 * The error for a question that the model did not answer, with the next command; a busy server was
 * waited for already.
 */
export function explainedModel(
  error: unknown,
  profile: Pick<ModelProfile, 'name' | 'endpoint'>,
): unknown {
  if (!(error instanceof ModelError)) return error
  const { cause } = error
  const next = (): string => {
    if (error.code === 'ModelMissing') return `ollama pull ${profile.name}`
    return cause instanceof ForeignAnswerError
      ? lookAt(profile.endpoint)
      : 'ollama serve   (or name another server: --ollama URL)'
  }
  return new CliError(error.message, { next: next(), cause: error })
}
