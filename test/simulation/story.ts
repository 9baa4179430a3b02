import type { CrashPoint } from './world/process.ts'

/** One request that a person makes. */
export interface RequestPlan {
  readonly name: string
  /** When it is applied. */
  readonly atMs: number
  readonly priority: 'critical' | 'high' | 'normal' | 'low'
  /** `model`: the real planner asks the simulated model. A list: these tasks, ready made. */
  /** `revised`: by the model, and its first unit fails until it is planned again. */
  /** `edited`: by the model; a person looks at it, gives another one, and then lets work start. */
  readonly plan: 'model' | 'revised' | 'edited' | readonly TaskPlan[]
  readonly maxAttempts: number
  readonly ttlSeconds?: number
}

/** One task of a ready-made plan, and how it goes without faults. */
export interface TaskPlan {
  readonly name: string
  readonly type: 'coding' | 'testing' | 'review' | 'git'
  readonly after: readonly string[]
  readonly onFailure: 'FailRequest' | 'Continue'
  /** Its result brings a commit that is merged. */
  readonly commits: boolean
  /** How long an attempt takes. */
  readonly workMs: number
  /** So many attempts report that their checks failed. */
  readonly failures: number
  /** So many merges collide. */
  readonly conflicts: number
}

/**
 * The faults, each with the moment at which it strikes. All times are virtual milliseconds
 * since the beginning.
 */
export type Fault =
  /**
   * The leading operator is killed just before or after a side effect, and started again a while
   * later.
   */
  | { readonly kind: 'crash'; readonly point: CrashPoint; readonly restartMs: number }
  /** The same at a moment. */
  | { readonly kind: 'kill'; readonly atMs: number; readonly restartMs: number }
  /** Asked to end, as a rolling upgrade does. */
  | { readonly kind: 'terminate'; readonly atMs: number; readonly restartMs: number }
  /** The leading operator is frozen. */
  | { readonly kind: 'pause'; readonly atMs: number; readonly forMs: number }
  /** Its wall clock jumps. */
  | { readonly kind: 'clock'; readonly atMs: number; readonly byMs: number }
  /** Its clocks run at another rate from then on: 1.2 gains a fifth. */
  | { readonly kind: 'rate'; readonly atMs: number; readonly by: number }
  /** A share of its calls is answered so. */
  | {
      readonly kind: 'refuse'
      readonly atMs: number
      readonly forMs: number
      readonly status: number
      readonly share: number
      /** Only calls whose target contains it. */
      readonly target?: string
    }
  /** A share of its writes happens and is not answered. */
  | {
      readonly kind: 'lose'
      readonly atMs: number
      readonly forMs: number
      readonly share: number
      readonly reset: boolean
    }
  /** A share of its calls arrives so late. */
  | {
      readonly kind: 'late'
      readonly atMs: number
      readonly forMs: number
      readonly share: number
      readonly byMs: number
    }
  /** The API server cannot be reached. */
  | { readonly kind: 'down'; readonly atMs: number; readonly forMs: number }
  /**
   * The operator's view of a kind stands still until so many events piled up, or for a while at
   * most.
   */
  | {
      readonly kind: 'stale'
      readonly atMs: number
      readonly plural: string
      readonly revisions: number
      readonly forMs: number
    }
  /**
   * The same for the first watch of each process that starts after a crash: it begins with an old
   * view.
   */
  | { readonly kind: 'stale-start'; readonly plural: string; readonly revisions: number }
  /** A watch is cut and its history forgotten: changes in between never come as events. */
  | {
      readonly kind: 'hide'
      readonly atMs: number
      readonly plural: string
      readonly forMs: number
    }
  /** A watch is cut. */
  | { readonly kind: 'cut'; readonly atMs: number; readonly plural: string }
  /** A watch stays open and says nothing more. */
  | { readonly kind: 'silence'; readonly atMs: number; readonly plural: string }
  /**
   * Its watches of a kind: each event is sent twice and the one before it once more, or ends its
   * watch.
   */
  | {
      readonly kind: 'events'
      readonly atMs: number
      readonly plural: string
      readonly forMs: number
      readonly does: 'repeat' | 'drop'
    }
  /** The server forgets its history: open watches go on, older versions are gone. */
  | { readonly kind: 'compact'; readonly atMs: number }
  /** A running agent: its process dies, hangs on its task, loses touch for a while, or lies. */
  | {
      readonly kind: 'agent'
      readonly atMs: number
      readonly does: 'die' | 'hang' | 'partition' | 'lie' | 'twice'
      readonly forMs: number
    }
  /**
   * Agent Pods end before they run, do not start for a while, or are refused by a quota or by a
   * webhook that is away.
   */
  | {
      readonly kind: 'pods'
      readonly atMs: number
      readonly forMs: number
      readonly does: 'fail' | 'wait' | 'quota' | 'webhook'
    }
  | {
      readonly kind: 'forge'
      readonly atMs: number
      readonly forMs: number
      readonly does: 'down' | 'lose'
    }
  | { readonly kind: 'model'; readonly atMs: number; readonly forMs: number }
  /** A person deletes the n-th thing of its kind that is there. */
  | {
      readonly kind: 'delete'
      readonly atMs: number
      readonly what: 'agents' | 'pods' | 'agenttasks' | 'devrequests'
      readonly nth: number
    }

/** Everything that one run depends on. The same story gives the same run. */
export interface Story {
  /** Latencies and the choice of which calls a fault strikes. */
  readonly seed: number
  readonly replicas: 1 | 2
  readonly maxAgents: number
  readonly requests: readonly RequestPlan[]
  readonly faults: readonly Fault[]
}
