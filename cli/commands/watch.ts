import { followRequest } from '../cluster/follow.ts'
import { systemClock, systemRandom } from '../../core/base/clock.ts'
import type { Connection } from '../cluster/connection.ts'
import { type Absence, nextOf, watchAttendance } from '../cluster/attendance.ts'
import { noSuchRequest, readSnapshot, resolveName } from '../cluster/requests.ts'
import { CliError, type ExitCode, exitCodes } from '../failure.ts'
import { between, span } from '../../core/view/text.ts'
import { Screen, type Terminal, asTyped, inSamePlace } from '../terminal.ts'
import {
  type Snapshot,
  hasRequestSucceeded,
  isRequestFinished,
  nextCommandOf,
  waitingText,
  waitsForPerson,
} from '../../core/view/request.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { draw } from '../show/style.ts'
import { toldOnce, untold } from '../../core/view/told-once.ts'
import { agentsChanged, transitions } from '../../core/view/changes.ts'
import { renderTree } from '../show/tree.ts'

interface WatchOptions {
  readonly connection: Connection
  readonly terminal: Terminal
  readonly signal: AbortSignal
  /** `@latest` is the newest request. */
  readonly name: string
  /** Gives up after this many milliseconds; never without it. */
  readonly timeoutMs?: number | undefined
}

/** How a watch ended. */
interface WatchOutcome {
  readonly exitCode: ExitCode
  /** The last view; for a finished request read afresh, so that nothing is missing. */
  readonly last: Snapshot | undefined
}

class WatchTimeout extends Error {
  override readonly name = 'WatchTimeout'
}

const redrawMs = 1000

/**
 * Shows a request until it is finished: a tree that is drawn again in place on a screen, one line
 * for each step elsewhere. Exit codes: 0 succeeded, 1 failed, and at a time limit 3 when only a
 * person can end its wait (the lack of an operator is such a wait), 124 otherwise.
 */
export async function watchRequest(options: WatchOptions): Promise<WatchOutcome> {
  const { connection, terminal, timeoutMs } = options
  const { client, namespace } = connection
  const limit = new AbortController()
  const stop = () => limit.abort(options.signal.reason)
  options.signal.addEventListener('abort', stop, { once: true })
  if (options.signal.aborted) stop()
  const cancel =
    timeoutMs === undefined
      ? () => undefined
      : systemClock.after(timeoutMs, () => limit.abort(new WatchTimeout()))
  const { signal } = limit
  const where = { client, namespace, signal }
  let last: Snapshot | undefined
  let isMissing = false
  let absence: Absence | undefined
  let attendance: Promise<void> | undefined
  const view = terminal.live ? liveView(terminal) : lineView(terminal)
  try {
    const name = await resolveName(where, options.name)
    const follow = followRequest({
      client,
      namespace,
      name,
      signal,
      clock: systemClock,
      random: systemRandom,
      trouble: view.trouble,
    })
    for await (const snapshot of follow) {
      if (snapshot === undefined) {
        isMissing = last === undefined
        if (isMissing) throw await noSuchRequest(where, name)
        throw new CliError(`the DevRequest ${name} was deleted while it was watched`, {
          next: `guild list -n ${namespace}`,
        })
      }
      last = snapshot
      view.show(snapshot)
      if (!isRequestFinished(snapshot.request)) {
        attendance ??= watchAttendance(where, systemClock, (now) => {
          absence = now
          if (now === undefined || signal.aborted) return
          const next = asTyped(inSamePlace(nextOf(now, name), connection.flags))
          view.trouble(`${now.sentence}; next: ${next}`)
        })
        continue
      }
      // Tasks and agents come by watches of their own and may be a moment behind.
      last = await readSnapshot(where, name)
      view.show(last)
      const hasSucceeded = hasRequestSucceeded(last.request)
      if (!hasSucceeded) terminal.next(`guild tree ${name} -n ${namespace}`)
      return { exitCode: hasSucceeded ? exitCodes.succeeded : exitCodes.failed, last }
    }
    throw signal.reason
  } catch (error) {
    if (!(signal.reason instanceof WatchTimeout)) throw error
    // Looking for it elsewhere took the rest of the time.
    if (isMissing)
      throw new CliError(`there is no DevRequest ${options.name} in the namespace ${namespace}`, {
        next: `guild list -n ${namespace}`,
        cause: error,
      })
    const { sentence, next, exitCode } = atTimeLimit(options.name, last?.request, absence)
    terminal.err(`the time is over${sentence}\n`)
    terminal.next(next)
    return { exitCode, last }
  } finally {
    cancel()
    limit.abort()
    await attendance
    options.signal.removeEventListener('abort', stop)
    view.close()
  }
}

/** The last words of a watch whose time is over: what was seen, and who or what ends the wait. */
function atTimeLimit(
  name: string,
  request: DevRequest | undefined,
  absence: Absence | undefined,
): { readonly sentence: string; readonly next: string; readonly exitCode: ExitCode } {
  const { timedOut, waitingForPerson } = exitCodes
  if (request === undefined)
    return {
      sentence: ` before anything was seen of ${name}: the cluster did not answer`,
      next: 'kubectl cluster-info',
      exitCode: timedOut,
    }
  if (absence !== undefined)
    return {
      sentence: `, and the request waits for a person: ${absence.sentence}`,
      next: nextOf(absence, request.metadata.name),
      exitCode: waitingForPerson,
    }
  const next = nextCommandOf(request)
  if (waitsForPerson(request))
    return { sentence: ', and the request waits for a person', next, exitCode: waitingForPerson }
  const wait = waitingText(request)
  const sentence =
    wait !== ''
      ? `; the request goes on by itself when this wait is over: ${wait}`
      : (request.status?.conditions ?? []).length === 0
        ? '; no operator has begun with the request yet'
        : '; the request goes on'
  return { sentence, next, exitCode: timedOut }
}

interface View {
  readonly show: (snapshot: Snapshot) => void
  readonly trouble: (sentence: string) => void
  readonly close: () => void
}

function liveView(terminal: Terminal): View {
  const screen = new Screen({ out: terminal.move, rows: terminal.rows })
  let shown: Snapshot | undefined
  let team: Snapshot | undefined
  const paint = () => {
    if (shown !== undefined) screen.draw(renderTree(shown, Date.now(), terminal.style()))
  }
  // Durations move even when nothing happens.
  const timer = setInterval(paint, redrawMs)
  return {
    show: (snapshot) => {
      // Agents outlive the tasks that the tree shows, so their coming and going stays in the
      // scrollback.
      screen.print(agentsChanged(team, snapshot).map((line) => draw(line, terminal.style())))
      team = snapshot
      shown = snapshot
      paint()
    },
    trouble: (sentence) => {
      screen.print([draw([span(sentence, 'yellow')], terminal.style())])
      paint()
    },
    close: () => clearInterval(timer),
  }
}

function lineView(terminal: Terminal): View {
  let before: Snapshot | undefined
  const told = toldOnce()
  return {
    show: (snapshot) => {
      const { startedAt } = snapshot.request.status ?? {}
      const start = startedAt ?? snapshot.request.metadata.creationTimestamp
      const elapsed = between(start, undefined, Date.now()).padStart(6)
      for (const line of transitions(before, snapshot).flatMap((one) => untold(one, told))) {
        terminal.out(`${draw([span(`${elapsed}  `, 'dim'), ...line], terminal.style())}\n`)
      }
      before = snapshot
    },
    trouble: (sentence) => terminal.err(`${sentence}\n`),
    close: () => undefined,
  }
}
