/** A Pod of an agent as its node starts it. */
export interface AgentStart {
  readonly pod: string
  readonly uid: string
  readonly agent: string
  readonly type: string
  readonly hubUrl: string
  /** Bound to the Pod, for the hub's audience. */
  readonly token: string
}

/** A started agent. */
export interface RunningAgent {
  /** Its exit code; null when it was killed. */
  readonly exited: Promise<number | null>
  /** As a kubelet asks: there is a grace period to leave in. */
  terminate(): void
  /** At once. */
  kill(): void
}

/** What turns an agent's Pod into something that works. */
export interface AgentRunner {
  start(pod: AgentStart): Promise<RunningAgent> | RunningAgent
  /** Ends what still runs. */
  close(): Promise<void>
}
