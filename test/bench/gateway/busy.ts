/** How busy slots are while work waits for them, integrated over time. */
export interface BusyMeter {
  /** Tells how many are at work at the server and how many wait before it, from now on. */
  readonly tell: (change: { readonly working?: number; readonly waiting?: number }) => void
  /** Share of the slots' time, 1 = all of it; NaN when nothing ever waited. */
  readonly share: () => number
  readonly waitedMs: () => number
}

/** Makes a meter for `slots`; `now` in milliseconds. */
export function createBusyMeter(slots: number, now: () => number): BusyMeter {
  let working = 0
  let waiting = 0
  let since = now()
  let busyMs = 0
  let waitedMs = 0
  const integrate = () => {
    const until = now()
    if (waiting > 0) {
      waitedMs += until - since
      busyMs += (Math.min(working, slots) / slots) * (until - since)
    }
    since = until
  }
  return {
    tell(change) {
      integrate()
      working = change.working ?? working
      waiting = change.waiting ?? waiting
    },
    share: () => busyMs / waitedMs,
    waitedMs: () => waitedMs,
  }
}
