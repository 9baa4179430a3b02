// What the controller of LanguageModels needs from model servers. `connected.ts` asks real ones;
// the simulator has its own.
import type { Tier } from '../../api/language-model.ts'
import type { ModelProfile } from '../profile.ts'
import type { PullSource } from '../servers/pull.ts'

/** What a server says about one model. */
export type ServerView =
  | { readonly kind: 'unreachable'; readonly message: string }
  | {
      readonly kind: 'reachable'
      readonly held:
        | {
            readonly digest: string
            readonly sizeBytes: number
            /** The host that prompts would be sent to, for a model that runs elsewhere. */
            readonly remoteHost?: string | undefined
          }
        | undefined
      /** How many of the model's servers do not hold it, when another server does. */
      readonly lacking?: number | undefined
      /**
       * Estimated memory for the model with its context; undefined when the server gives no
       * figures.
       */
      readonly neededBytes?: number | undefined
      readonly capabilities?: readonly string[] | undefined
    }

/** A pull that runs or failed, over all servers of a model. */
export type PullState =
  | { readonly kind: 'running'; readonly percent: number; readonly status: string }
  | {
      readonly kind: 'failed'
      /** What went wrong and what to do. */
      readonly message: string
      /** The pause after the failure is over, so that `pull` tries again. */
      readonly mayTry: boolean
    }

/** What loading a model and its self-test showed. */
export interface SelfTestResult {
  /** Undefined when the model was loaded and not asked anything. */
  readonly tier: Tier | undefined
  readonly tokensPerSecond: number | undefined
  /** The context that the server really gave; undefined when it does not say. */
  readonly contextTokens: number | undefined
  /** A sentence for people; for a weak model it says what to do. */
  readonly summary: string
}

export type SelfTestState =
  | { readonly kind: 'running' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'done'; readonly digest: string; readonly result: SelfTestResult }

/** All servers of one model, behind one interface. */
export interface ModelServers {
  /** Asks the servers whether they hold the model. Rejects with the signal's reason only. */
  look(profile: ModelProfile, options: { readonly signal: AbortSignal }): Promise<ServerView>
  /** Undefined when no pull was begun, or all are done. */
  pullState(profile: ModelProfile): PullState | undefined
  /** Has each server that lacks the model pull it. A pull that runs goes on. */
  pull(profile: ModelProfile, source: PullSource): void
  /** Ends the pulls of the model and forgets how far they were. */
  cancelPull(profile: ModelProfile): void
  /** `listener` is called with the model's name when a pull got further or ended. */
  onProgress(listener: (model: string) => void): void
  /** Loads the model and, when `probes`, asks it three short questions. Throws ModelError. */
  test(
    profile: ModelProfile,
    options: { readonly probes: boolean; readonly signal: AbortSignal },
  ): Promise<SelfTestResult>
}
