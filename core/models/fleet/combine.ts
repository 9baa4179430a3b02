// One word about a model for all its servers.
import type { ServerView, TransferState } from './fleet.ts'

/**
 * What several servers of a model say together: it is held when one holds it, with how many that answer lack it. One that
 * does not answer is left out while another does. The gateway avoids both kinds.
 */
export function combineViews(views: readonly ServerView[]): ServerView {
  const [first] = views
  if (first === undefined) throw new TypeError('a model has at least one server')
  const answering = views.filter((view) => view.kind === 'reachable')
  const holding = answering.filter(({ held }) => held !== undefined)
  const [holder] = holding
  const lacking = answering.length - holding.length
  if (holder === undefined) return answering[0] ?? first
  return lacking === 0 ? holder : { ...holder, lacking }
}

/** The slowest of those that are under way; else what failed; undefined when nothing was begun or all is done. */
export function combineTransfers(
  states: readonly (TransferState | undefined)[],
): TransferState | undefined {
  const known = states.filter((state) => state !== undefined)
  const running = known.filter((state) => state.kind === 'running')
  return (
    running.toSorted((one, other) => one.percent - other.percent)[0] ??
    known.find((state) => state.kind === 'failed')
  )
}
