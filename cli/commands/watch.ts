import { followRequest } from '../cluster/follow.ts'
import { systemClock, systemRandom } from '../../core/base/clock.ts'
import type { Connection } from '../cluster/connection.ts'
import { watchAttendance } from '../cluster/attendance.ts'
import { noSuchRequest, readSnapshot, resolveName } from '../cluster/requests.ts'
import { CliError, type ExitCode, exitCodes } from '../failure.ts'
import { between, span } from '../../core/view/text.ts'
import { Screen, type Terminal, asTyped } from '../terminal.ts'
import {
  type Snapshot,
  hasRequestSucceeded,
  isRequestFinished,
  nextCommandOf,
  waitsForPerson,
} from '../../core/view/request.ts'
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
 * for each step elsewhere. Exit codes: 0 succeeded, 1 failed, and at a time limit 3 when the
 * request waits for a person, 124 otherwise.
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
        if (last === undefined) throw await noSuchRequest(where, name)
        throw new CliError(`the DevRequest ${name} was deleted while it was watched`, {
          next: `guild list -n ${namespace}`,
        })
      }
      last = snapshot
      view.show(snapshot)
      if (!isRequestFinished(snapshot.request)) {
        attendance ??= watchAttendance(where, systemClock, ({ sentence, next }) => {
          if (!signal.aborted) view.trouble(`${sentence}; next: ${asTyped(next)}`)
        })
        continue
      }
      // Tasks and agents come by watches of their own and may be a moment behind.
      last = await readSnapshot(where, name)
      view.show(last)
      return {
        exitCode: hasRequestSucceeded(last.request) ? exitCodes.succeeded : exitCodes.failed,
        last,
      }
    }
    throw signal.reason
  } catch (error) {
    if (!(signal.reason instanceof WatchTimeout)) throw error
    const isWaiting = last !== undefined && waitsForPerson(last.request)
    terminal.err(
      isWaiting
        ? 'the time is over, and the request waits for a person\n'
        : 'the time is over; the request goes on\n',
    )
    terminal.next(last === undefined ? `guild watch ${options.name}` : nextCommandOf(last.request))
    return { exitCode: isWaiting ? exitCodes.waitingForPerson : exitCodes.timedOut, last }
  } finally {
    cancel()
    limit.abort()
    await attendance
    options.signal.removeEventListener('abort', stop)
    view.close()
  }
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
