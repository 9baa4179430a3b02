import { conditionOf } from '../../../core/api/condition-list.ts'
import { modelConditions, modelReasons } from '../../../core/api/conditions.ts'
import type { LanguageModel } from '../../../core/api/language-model.ts'
import type { Informer } from '../../../core/kube/informer.ts'
import type { ModelProfile } from '../../../core/models/profile.ts'

/** What the installation adds to a LanguageModel. */
export interface Installation {
  /** Base URL of the operator's own model server, for those that name none. */
  readonly endpoint: string
  /** The addresses of its replicas, when there are several. */
  readonly replicas?: readonly string[] | undefined
  /** Files with the bearer tokens that servers want. Each goes to the server that it was given for, whoever names the model. */
  readonly tokens?: readonly {
    readonly model: string
    readonly endpoint: string
    readonly file: string
  }[]
}

/** How a model is asked: as its LanguageModel says, and within the context that its server really gave. */
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

/** What the server gave when the weights it holds were loaded with the context that is asked for now; undefined when unknown. */
function givenContext({ spec, status }: LanguageModel): number | undefined {
  const { test, digest, contextTokens = 0 } = status ?? {}
  const isAboutNow = test?.digest === digest && test?.contextTokens === spec.contextTokens
  return isAboutNow && contextTokens > 0 ? contextTokens : undefined
}

/** Where the models are found. */
export interface ModelsOptions {
  readonly informer: Pick<Informer<LanguageModel>, 'list'>
  readonly installation: Installation
  /** Models of the installation, the default first, by what their server calls them. */
  readonly configured: readonly string[]
}

/** The models that requests may name; a view of the LanguageModels. */
export class Models {
  readonly #options: ModelsOptions
  /** Why the API server refused those of the settings that it did. */
  readonly #refused = new Map<string, string>()

  constructor(options: ModelsOptions) {
    this.#options = options
  }

  /** What a request gets that names none. */
  get defaultName(): string {
    return this.#options.configured[0] ?? this.names[0] ?? ''
  }

  /** What the servers call them; those of the installation are there from the start. */
  get names(): readonly string[] {
    const known = this.#sorted().map(({ spec }) => spec.model)
    return [...new Set([...this.#options.configured, ...known])]
  }

  /** The LanguageModel that a request means: by its own name, or by what its server calls it. */
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

  /** Name of the LanguageModel that names the same model and comes before this one. */
  duplicateOf({ metadata, spec }: LanguageModel): string | undefined {
    const first = this.#sorted().find((other) => other.spec.model === spec.model)
    return first === undefined || first.metadata.name === metadata.name
      ? undefined
      : first.metadata.name
  }

  /** Why a model cannot be asked now; undefined when it can, or nobody knows it. */
  troubleOf(name: string): { readonly isMissing: boolean; readonly message: string } | undefined {
    const found = this.find(name)
    if (found === undefined) return this.#troubleOfUnmade(name)
    const ready = conditionOf(found, modelConditions.Ready)
    if (ready?.status === 'True') return undefined
    const reason = ready?.reason ?? modelReasons.Pending
    return {
      isMissing:
        reason !== modelReasons.ServerUnreachable &&
        reason !== modelReasons.Testing &&
        reason !== modelReasons.Pending,
      message: ready?.message || `${found.spec.model} was not looked at yet`,
    }
  }

  /** Told what became of a model of the settings: why the API server refused it, or undefined when it did not. */
  noteRefusal(name: string, why: string | undefined): void {
    if (why === undefined) this.#refused.delete(name)
    else this.#refused.set(name, why)
  }

  #troubleOfUnmade(
    name: string,
  ): { readonly isMissing: boolean; readonly message: string } | undefined {
    if (!this.#options.configured.includes(name)) return undefined
    const why = this.#refused.get(name)
    return why === undefined
      ? { isMissing: false, message: `${name} is being set up` }
      : {
          isMissing: true,
          message: `the settings name ${name}, and the API server refused it: ${why}. Correct it in the chart's values`,
        }
  }

  /** In the order in which they were made: who comes first has the name. */
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
