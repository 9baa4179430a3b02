import type { Sightings } from '../chains.ts'
import type { Access } from '../server.ts'
import type { Shape } from './shapes.ts'

/** What the bench tells its observer. */
export type ToObserver =
  | {
      readonly kind: 'watch'
      readonly access: Access
      /** Path of the collection, e.g. `/apis/guildhall.dev/v1alpha1/namespaces/x/agenttasks`. */
      readonly path: string
      readonly shape: Shape
    }
  /** Say when this many tasks are finished; those whose names begin with `prefix` count. */
  | { readonly kind: 'await'; readonly prefix: string; readonly finished: number }
  /** Tell what was seen of them, and forget it. */
  | { readonly kind: 'tell'; readonly prefix: string }

/** What the observer answers. */
export type FromObserver =
  | { readonly kind: 'watching' }
  | { readonly kind: 'reached' }
  | {
      readonly kind: 'seen'
      readonly running: Sightings
      readonly finished: Sightings
      /** Watches that the server closed: a sign of a server that is full. */
      readonly reopened: number
    }
