import { labels } from '../../core/api/names.ts'
import { visibleJson } from '../../core/api/plain-text.ts'
import { type Pod, pods } from '../../core/kube/built-in-kinds.ts'
import { isForbidden, isUnauthorized } from '../../core/kube/errors.ts'
import { pathOf } from '../../core/kube/resource.ts'
import type { Connection } from '../cluster/connection.ts'
import { systemClock } from '../../core/base/clock.ts'
import {
  type Where,
  readRequest,
  readSnapshot,
  resolveName,
  taskMeant,
} from '../cluster/requests.ts'
import { linesOf } from '../../core/base/lines.ts'
import { asDuration } from '../arguments.ts'
import { CliError } from '../failure.ts'
import { type LogFilter, formatLogLine, logLineFits, parseLogLine } from '../show/log-line.ts'
import { draw } from '../show/style.ts'
import { span } from '../../core/view/text.ts'
import type { Terminal } from '../terminal.ts'

export interface LogsOptions {
  readonly connection: Connection
  readonly terminal: Terminal
  readonly signal: AbortSignal
  readonly name?: string | undefined
  readonly task?: string | undefined
  readonly agent?: string | undefined
  readonly follow?: boolean | undefined
  readonly sinceMs?: number | undefined
  /** `json`: the lines as the operator wrote them; on a screen with every character to be seen. */
  readonly output?: string | undefined
}

/** How often new operator Pods are looked for, in milliseconds. */
const lookMs = 2000

/**
 * Prints the operator's log: its own lines and those that agents sent it, which outlive their Pods.
 * With `follow` it goes on over restarts of the operator until the signal is aborted.
 */
export async function showLogs(options: LogsOptions): Promise<void> {
  const { connection, terminal, signal, follow = false, sinceMs } = options
  const { client, namespace } = connection
  const request =
    options.name === undefined
      ? undefined
      : await resolveName({ client, namespace, signal }, options.name)
  const where = { client, namespace, signal }
  if (follow && request !== undefined) await sayWhenMissing(where, request, terminal)
  const task = await taskOf(where, request, options.task)
  const filter = { request, task, agent: options.agent }
  const print = printer(terminal, filter, options)
  const reading = new Map<string, Promise<void>>()
  const heardAt = new Map<string, Date>()
  const from = sinceMs === undefined ? undefined : new Date(Date.now() - sinceMs)
  // Who may not read logs would look at an empty screen for ever.
  const refused = new AbortController()
  const stopped = AbortSignal.any([signal, refused.signal])
  for (;;) {
    const found = await operatorPods(connection, signal)
    if (found.length === 0 && !follow) {
      throw new CliError(`no operator Pod runs in the namespace ${namespace}`, {
        next: `kubectl get pods -n ${namespace}`,
      })
    }
    for (const pod of found) {
      const key = pod.metadata.uid ?? pod.metadata.name
      if (reading.has(key)) continue
      const since = heardAt.get(key) ?? from
      const run = readPod({ connection, signal, pod, follow, since }, (line) => {
        heardAt.set(key, new Date())
        print.line(line)
      }).finally(() => reading.delete(key))
      reading.set(key, run)
      // A log that breaks off while it is followed is opened again at the next look.
      if (follow)
        run.catch((error: unknown) => {
          if (isForbidden(error) || isUnauthorized(error)) refused.abort(error)
        })
    }
    if (!follow) {
      await Promise.all(reading.values())
      if (!print.printed()) await tellSilence(where, { ...filter, sinceMs }, terminal)
      return
    }
    await systemClock.sleep(lookMs, { signal: stopped })
  }
}

/**
 * A log may be followed before its request is there, and after; a person who mistyped its name
 * would wait without end.
 */
async function sayWhenMissing(where: Where, request: string, terminal: Terminal): Promise<void> {
  await readRequest(where, request).catch((error: unknown) => {
    if (!(error instanceof CliError)) throw error
    terminal.err(`${error.message}; lines about it are shown when they come\n`)
  })
}

/**
 * The full name of the task. Without a request, or when the request is gone, only the log can know
 * it.
 */
async function taskOf(
  where: Where,
  request: string | undefined,
  typed: string | undefined,
): Promise<string | undefined> {
  if (typed === undefined || request === undefined) return typed
  const snapshot = await readSnapshot(where, request).catch((error: unknown) => {
    if (error instanceof CliError) return undefined
    throw error
  })
  return snapshot === undefined ? typed : taskMeant(snapshot, typed)
}

/**
 * Nothing was printed: says whether there is nothing of that name, or only nothing in the log.
 * Errors: `CliError`.
 */
async function tellSilence(
  where: Where,
  filter: LogFilter & { readonly sinceMs: number | undefined },
  terminal: Terminal,
): Promise<void> {
  const { request, task, agent, sinceMs } = filter
  const span = sinceMs === undefined ? '' : ` of the last ${asDuration(sinceMs)}`
  if (request !== undefined) await readRequest(where, request)
  const about = [
    ...(request === undefined ? [] : [`the request ${request}`]),
    ...(task === undefined ? [] : [`the task ${task}`]),
    ...(agent === undefined ? [] : [`the agent ${agent}`]),
  ].join(' and ')
  terminal.err(
    `the log of the operator has no line${span}${about === '' ? '' : ` about ${about}`}\n`,
  )
  terminal.next(request === undefined ? 'guild list' : `guild tree ${request}`)
}

async function operatorPods(
  { client, namespace }: Connection,
  signal: AbortSignal,
): Promise<readonly Pod[]> {
  const labelSelector = `${labels.name}=guildhall,${labels.component}=operator`
  const { items } = await client.list(pods, { namespace, labelSelector, signal })
  return items.filter((pod) => pod.status?.phase === 'Running')
}

/**
 * One Pod's log, line by line, until it ends. Errors: `KubeError`; whatever cut the connection; the
 * signal's reason.
 */
async function readPod(
  options: {
    readonly connection: Connection
    readonly signal: AbortSignal
    readonly pod: Pod
    readonly follow: boolean
    readonly since: Date | undefined
  },
  print: (line: string) => void,
): Promise<void> {
  const { connection, signal, pod, follow, since } = options
  const { client, namespace } = connection
  const { name } = pod.metadata
  const query = {
    container: pod.spec?.containers[0]?.name,
    follow,
    sinceTime: since?.toISOString(),
  }
  const path = pathOf(pods, { namespace, name, subresource: 'log' })
  const bytes = await client.rawStream(path, query, { signal })
  for await (const line of linesOf(bytes)) print(line)
}

function printer(
  terminal: Terminal,
  filter: LogFilter,
  { output }: { readonly output?: string | undefined },
): { readonly line: (text: string) => void; readonly printed: () => boolean } {
  let printed = false
  const out = (text: string) => {
    printed = true
    terminal.out(`${text}\n`)
  }
  const filtered = Object.values(filter).some((value) => value !== undefined)
  const line = (text: string) => {
    const record = parseLogLine(text)
    if (record === undefined) {
      // Not ours (a stack trace): shown when everything is shown, since it belongs to no request.
      if (!filtered && text !== '') out(draw([span(text)], terminal.style()))
    } else if (logLineFits(record, filter)) {
      // A log line may be longer than the screen: cutting it would hide the text that the person
      // looks for.
      const style = { ...terminal.style(), width: undefined }
      const json = terminal.screen ? visibleJson(text) : text
      out(output === 'json' ? json : draw(formatLogLine(record), style))
    }
  }
  return { line, printed: () => printed }
}
