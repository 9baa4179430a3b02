// What the controller of LanguageModels needs from model servers; the real ones are in models/, others in the simulator.
import type { Tier } from '../../api/language-model.ts'
import type { ModelProfile } from '../profile.ts'

/** What a server says about one model. */
export type ServerView =
  | { readonly kind: 'unreachable'; readonly message: string }
  | {
      readonly kind: 'reachable'
      readonly held:
        | {
            readonly digest: string
            readonly sizeBytes: number
            /** Where its prompts would be sent, for a model that runs elsewhere. */
            readonly remoteHost?: string | undefined
          }
        | undefined
      /** How many of its servers do not hold it, when another does. */
      readonly lacking?: number | undefined
      /** Memory that it needs with its context, as estimated; undefined when nothing is known. */
      readonly neededBytes?: number | undefined
      readonly capabilities?: readonly string[] | undefined
    }

/** A pull, or the making of a model from a file, that runs in the server. */
export type TransferState =
  | { readonly kind: 'running'; readonly percent: number; readonly status: string }
  | {
      readonly kind: 'failed'
      /** What went wrong and what to do. */
      readonly message: string
      /** Its pause is over, and trying again may help. */
      readonly mayTry: boolean
    }

/** What the self-test found out. */
export interface TestResult {
  /** Undefined when nobody asked for it. */
  readonly tier: Tier | undefined
  readonly tokensPerSecond: number | undefined
  /** The context that the server really gave; undefined when it does not say. */
  readonly contextTokens: number | undefined
  /** What it showed, for people; for a weak model with what to do. */
  readonly summary: string
}

export type TestState =
  | { readonly kind: 'running' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'done'; readonly digest: string; readonly result: TestResult }

/** Where a model comes from when its server does not hold it. */
export type Origin = { readonly kind: 'pull' } | { readonly kind: 'blob'; readonly digest: string }

/** The model servers, as one model needs them. */
export interface ModelServers {
  /** Asks what its server holds. Rejects with the signal's reason only. */
  look(profile: ModelProfile, options: { readonly signal: AbortSignal }): Promise<ServerView>
  /** How far the server is with fetching it; undefined when nothing was begun. */
  transfer(profile: ModelProfile): TransferState | undefined
  /** Has the server fetch it, or finds that it does already. */
  fetch(profile: ModelProfile, origin: Origin): void
  /** Stops fetching it, and forgets how far it was. */
  forget(profile: ModelProfile): void
  /** Told the model's name when a transfer got further or ended. */
  onProgress(listener: (model: string) => void): void
  /** Loads it and, when `probes`, asks it three short questions. Throws ModelError. */
  test(
    profile: ModelProfile,
    options: { readonly probes: boolean; readonly signal: AbortSignal },
  ): Promise<TestResult>
}
