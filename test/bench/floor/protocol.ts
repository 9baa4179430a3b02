import type { Access } from '../server.ts'

/** Everything the floor's writer needs for one run. */
export interface FloorRun {
  readonly kind: 'prepare'
  readonly access: Access
  readonly namespace: string
  /** Task names; each list is done in order, the lists side by side. */
  readonly chains: readonly (readonly string[])[]
  /** Each list begins so much later than the one before it; 0: all at once. */
  readonly everyMs: number
  readonly meanTaskMs: number
  readonly mostSeconds: number
}

/** What the bench tells the floor's writer. */
export type ToWriter = FloorRun | { readonly kind: 'go' }

/** What it answers. `bytes`: the size of a finished object as the server gives it. */
export type FromWriter =
  | { readonly kind: 'prepared' }
  | { readonly kind: 'done'; readonly bytes: number }
