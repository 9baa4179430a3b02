import type { DevRequest } from '../../api/devrequest.ts'
import { keyOf } from '../../kube/resource.ts'
import { requeueAfter, type Result } from '../../runtime/outcome.ts'
import type { Stall } from './observation.ts'

/** A stalled step is tried again after this time. */
export const stallPauseMs = 5_000

/** What stalls each request right now; gone when the step succeeds. */
export class StallDesk {
  readonly #stalls = new Map<string, { readonly uid: string; readonly stall: Stall }>()

  of({ metadata }: DevRequest): Stall | undefined {
    const noted = this.#stalls.get(keyOf(metadata))
    return noted?.uid === metadata.uid ? noted.stall : undefined
  }

  /** Returns true when it is news. */
  set(request: DevRequest, stall: Stall | undefined): boolean {
    const before = this.of(request)
    const { uid } = request.metadata
    if (stall === undefined) this.#stalls.delete(keyOf(request.metadata))
    else this.#stalls.set(keyOf(request.metadata), { uid, stall })
    return before?.message !== stall?.message
  }

  /** Lets go of a request that is gone; `uid` is the one that has its name now. */
  forgetOthers(key: string, uid: string | undefined): void {
    if (this.#stalls.get(key)?.uid !== uid) this.#stalls.delete(key)
  }
}

/** Notes what is wrong; when it is news the next run, which comes at once, writes it. */
export function stalled(desk: StallDesk, request: DevRequest, stall: Stall): Result {
  return requeueAfter(desk.set(request, stall) ? 0 : stallPauseMs, stall.reason)
}
