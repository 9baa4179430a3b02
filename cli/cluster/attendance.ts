// Whether an operator works on the requests of a namespace. An operator works in its own namespace
// only, and a request in another namespace stays as it was made, without a word.
import { homeNamespace, leaderLease } from '../../core/api/names.ts'
import { type Lease, leases } from '../../core/kube/built-in-kinds.ts'
import { isNotFound } from '../../core/kube/errors.ts'
import type { Clock } from '../../core/base/clock.ts'
import { duration } from '../../core/view/text.ts'
import type { Terminal } from '../terminal.ts'
import type { Where } from './requests.ts'

/** No operator works there: a sentence that says so, and the next command. */
export interface Absence {
  readonly sentence: string
  readonly next: string
}

/** What the Lease of a namespace says about its operator. */
type Attendance =
  | { readonly state: 'works' | 'unknown' | 'never' }
  | { readonly state: 'gone'; readonly forMs: number; readonly released: boolean }

/**
 * Beyond the time of the Lease, in milliseconds: this machine's clock may be ahead of the
 * cluster's.
 */
const clockMs = 45_000
/** Within this time another operator takes a Lease that was given back. */
const handoverMs = 3_000
/** How often a watch looks. */
const lookMs = 15_000

/**
 * Why no operator works on requests of the namespace; undefined when one does, or when this person
 * may not read the Lease.
 * Errors: none but the signal's reason.
 */
export async function absenceIn(where: Where, clock: Clock): Promise<Absence | undefined> {
  const { namespace, signal } = where
  let seen = await attendanceIn(where, clock.now())
  if (seen.state === 'gone' && seen.released && seen.forMs < clockMs) {
    await clock.sleep(handoverMs, { signal })
    seen = await attendanceIn(where, clock.now())
  }
  if (seen.state === 'works' || seen.state === 'unknown') return undefined
  if (seen.state === 'gone')
    return {
      sentence: `no operator works in the namespace ${namespace} (the last one was heard of ${duration(seen.forMs)} ago), so nothing happens to its requests`,
      next: `kubectl get deployments -n ${namespace}   (none: helm upgrade --install guildhall helm/guildhall -n ${namespace})`,
    }
  const home =
    namespace === homeNamespace
      ? undefined
      : await attendanceIn({ ...where, namespace: homeNamespace }, clock.now())
  return home?.state === 'works'
    ? {
        sentence: `no operator works in the namespace ${namespace}, so nothing happens to its requests; the one in ${homeNamespace} works on those of ${homeNamespace} only`,
        next: `kubectl delete devrequest NAME -n ${namespace}   (then: guild submit … -n ${homeNamespace})`,
      }
    : {
        sentence: `no operator works in the namespace ${namespace}, so nothing happens to its requests`,
        next: `helm upgrade --install guildhall helm/guildhall -n ${namespace} --create-namespace`,
      }
}

/**
 * Tells the person when no operator works there, and returns whether it told. `name` is the request
 * in question.
 */
export async function tellAbsence(
  where: Where,
  clock: Clock,
  terminal: Pick<Terminal, 'err' | 'next'>,
  name?: string,
): Promise<boolean> {
  const absence = await absenceIn(where, clock)
  if (absence === undefined) return false
  terminal.err(`${absence.sentence}\n`)
  terminal.next(nextOf(absence, name))
  return true
}

/** The next command, about the request of this name where it is known. */
export const nextOf = ({ next }: Absence, name = 'NAME'): string => next.replace('NAME', name)

/**
 * Looks for an operator while a person watches. `tell` hears each time that an absence begins, and
 * undefined when it ends. Ends with the signal, and never rejects.
 */
export async function watchAttendance(
  where: Where,
  clock: Clock,
  tell: (absence: Absence | undefined) => void,
): Promise<void> {
  let told = false
  try {
    for (;;) {
      const absence = await absenceIn(where, clock)
      if ((absence !== undefined) !== told) tell(absence)
      told = absence !== undefined
      await clock.sleep(lookMs, { signal: where.signal })
    }
  } catch {
    // The watch ended.
  }
}

async function attendanceIn(
  { client, namespace, signal }: Where,
  now: number,
): Promise<Attendance> {
  try {
    return attendanceOf(await client.get(leases, { namespace, name: leaderLease, signal }), now)
  } catch (error) {
    signal.throwIfAborted()
    // A person who may not read the Lease cannot know, nor can anybody while the API server does
    // not answer.
    return { state: isNotFound(error) ? 'never' : 'unknown' }
  }
}

function attendanceOf({ spec }: Lease, now: number): Attendance {
  const renewed = Date.parse(spec?.renewTime ?? '')
  if (Number.isNaN(renewed)) return { state: 'never' }
  const forMs = Math.max(0, now - renewed)
  const released = !spec?.holderIdentity
  const validMs = (spec?.leaseDurationSeconds ?? 15) * 1000 + clockMs
  if (!released && forMs <= validMs) return { state: 'works' }
  return { state: 'gone', forMs, released }
}
