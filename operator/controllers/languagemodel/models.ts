import { conditionOf, isTrue } from '../../../core/api/condition-list.ts'
import { modelConditions, modelReasons } from '../../../core/api/conditions.ts'
import type { LanguageModel } from '../../../core/api/language-model.ts'
import type { Informer } from '../../../core/kube/informer.ts'
import type { ModelProfile } from '../../../core/models/profile.ts'

/** The settings of the installation that complete a LanguageModel. */
export interface Installation {
  /** Base URL of the operator's own model server, for LanguageModels that name no endpoint. */
  readonly endpoint: string
  /** The addresses of that server's replicas, when there are several. */
  readonly replicas?: readonly string[] | undefined
  /**
   * Files with bearer tokens. A token goes only to the server that the settings give it for, not to
   * one that a person names.
   */
  readonly tokens?: readonly {
    readonly model: string
    readonly endpoint: string
    readonly file: string
  }[]
}

/**
 * The profile that model calls use: as the LanguageModel says, within the context that the server
 * really gave.
 */
export function profileOf(
  languageModel: LanguageModel,
  { endpoint: own, replicas, tokens = [] }: Installation,
): ModelProfile {
  const { spec, status } = languageModel
  const { model, provider, endpoint = own, contextTokens: asked, outputTokens, parallel } = spec
  const contextTokens = Math.min(asked, givenContext(languageModel) ?? asked)
  const token = tokens.find((one) => one.model === model && one.endpoint === endpoint)
  return {
    name: model,
    provider,
    endpoint,
    ...(replicas === undefined || endpoint !== own ? {} : { replicas }),
    ...(token === undefined ? {} : { tokenFile: token.file }),
    contextTokens,
    ...(contextTokens === asked ? {} : { askedContextTokens: asked }),
    outputTokens: Math.min(outputTokens, Math.floor(contextTokens / 2)),
    parallel,
    tier: spec.tier ?? status?.tier ?? 'basic',
  }
}

/**
 * The context that the server gave these weights when it was asked for as much as now; undefined
 * when unknown.
 */
function givenContext({ spec, status }: LanguageModel): number | undefined {
  const { test, digest, contextTokens = 0 } = status ?? {}
  const isAboutNow = test?.digest === digest && test?.contextTokens === spec.contextTokens
  return isAboutNow && contextTokens > 0 ? contextTokens : undefined
}

/** The sources of the models. */
interface ModelsOptions {
  readonly informer: Pick<Informer<LanguageModel>, 'list'>
  readonly installation: Installation
  /** Models of the settings, the default first, by their names on the server. */
  readonly configured: readonly string[]
}

/** Why a model cannot be asked now. */
export interface ModelTrouble {
  /** False while its server is away, or while it is set up. */
  readonly isMissing: boolean
  /** True when it does not get ready by itself. */
  readonly isForPerson: boolean
  readonly message: string
}

/** The models that requests may name, read from the LanguageModels and the settings. */
export class Models {
  readonly #options: ModelsOptions
  /** Models of the settings that the API server refused, and why. */
  readonly #refused = new Map<string, string>()

  constructor(options: ModelsOptions) {
    this.#options = options
  }

  /** The model of a request that names none. */
  get defaultName(): string {
    return this.#options.configured[0] ?? this.names[0] ?? ''
  }

  /**
   * Their names on the servers. Those of the settings are known before their LanguageModels exist.
   */
  get names(): readonly string[] {
    const known = this.#sorted().map(({ spec }) => spec.model)
    return [...new Set([...this.#options.configured, ...known])]
  }

  /**
   * The LanguageModel that a request means: by the name on its server, else by the object's name.
   */
  find(name: string): LanguageModel | undefined {
    const all = this.#sorted()
    return (
      all.find(({ spec }) => spec.model === name) ??
      all.find(({ metadata }) => metadata.name === name)
    )
  }

  profile(name: string): ModelProfile | undefined {
    const found = this.find(name)
    return found === undefined ? undefined : profileOf(found, this.#options.installation)
  }

  /** Name of an earlier LanguageModel of the same model; undefined when this one is the first. */
  duplicateOf({ metadata, spec }: LanguageModel): string | undefined {
    const first = this.#sorted().find((other) => other.spec.model === spec.model)
    return first === undefined || first.metadata.name === metadata.name
      ? undefined
      : first.metadata.name
  }

  /** Why a model cannot be asked now; undefined when it can, or when no model has the name. */
  troubleOf(name: string): ModelTrouble | undefined {
    const found = this.find(name)
    if (found === undefined) return this.#troubleOfUnmade(name)
    const ready = conditionOf(found, modelConditions.Ready)
    if (ready?.status === 'True') return undefined
    const reason = ready?.reason ?? modelReasons.Pending
    const isMissing =
      reason !== modelReasons.ServerUnreachable &&
      reason !== modelReasons.Testing &&
      reason !== modelReasons.Pending
    return {
      isMissing,
      // A server that is away is asked again, although its model counts as stalled meanwhile.
      isForPerson: isMissing && isTrue(found, modelConditions.Stalled),
      message: ready?.message || `${found.spec.model} was not looked at yet`,
    }
  }

  /**
   * Notes why the API server refused a model of the settings; undefined when it accepted the model.
   */
  noteRefusal(name: string, why: string | undefined): void {
    if (why === undefined) this.#refused.delete(name)
    else this.#refused.set(name, why)
  }

  #troubleOfUnmade(name: string): ModelTrouble | undefined {
    if (!this.#options.configured.includes(name)) return undefined
    const why = this.#refused.get(name)
    return why === undefined
      ? { isMissing: false, isForPerson: false, message: `${name} is being set up` }
      : {
          isMissing: true,
          isForPerson: true,
          message: `the settings name ${name}, and the API server refused it: ${why}. Correct it in the chart's values`,
        }
  }

  /** Oldest first: of two LanguageModels of one model the older one counts. */
  #sorted(): readonly LanguageModel[] {
    return this.#options.informer
      .list()
      .toSorted(
        (a, b) =>
          a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp) ||
          a.metadata.name.localeCompare(b.metadata.name),
      )
  }
}
