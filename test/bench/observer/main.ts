// The third process: watches the tasks of a contender and notes when each was first seen running
// and finished. It has one clock for all tasks, knows nothing of the contender, and uses no client
// library of ours.
import { Agent, request } from 'undici'
import { nowMs, type FromObserver, type ToObserver, type Shape } from '../program.ts'
import type { AgentTask } from '../../../core/api/agent-task.ts'
import { hasSucceeded, heldBy, isFinished } from '../../../core/api/task-state.ts'

type Watched = Extract<ToObserver, { readonly kind: 'watch' }>

const running = new Map<string, number>()
const finished = new Map<string, number>()
let target: { readonly prefix: string; readonly finished: number } | undefined
let reopened = 0

const say = (message: FromObserver): void => void process.send?.(message)

process.on('message', (message: ToObserver) => {
  switch (message.kind) {
    case 'watch':
      watch(message).catch((error: unknown) => {
        console.error(error)
        process.exit(1)
      })
      return
    case 'await':
      target = message
      checkTarget()
      return
    case 'tell':
      say({
        kind: 'seen',
        running: take(running, message.prefix),
        finished: take(finished, message.prefix),
        reopened,
      })
      reopened = 0
      return
  }
})

async function watch({ access, path, shape }: Watched): Promise<void> {
  const { server, ...tls } = access
  const dispatcher = new Agent({ connect: tls, headersTimeout: 0, bodyTimeout: 0 })
  const ask = async (query: string) => {
    const { statusCode, body } = await request(`${server}${path}?${query}`, { dispatcher })
    if (statusCode === 200) return body
    throw new Error(`${path}: HTTP status ${statusCode} ${await body.text()}`)
  }
  const list = (await (await ask('limit=1')).json()) as {
    readonly metadata: { readonly resourceVersion: string }
  }
  let { resourceVersion } = list.metadata
  for (;;) {
    const body = await ask(
      `watch=1&allowWatchBookmarks=true&timeoutSeconds=3000&resourceVersion=${resourceVersion}`,
    )
    say({ kind: 'watching' })
    let rest = ''
    for await (const chunk of body.setEncoding('utf8') as AsyncIterable<string>) {
      const at = nowMs()
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const event = JSON.parse(line) as {
          readonly type: string
          readonly object: { readonly metadata: { name: string; resourceVersion: string } }
        }
        if (event.type === 'ERROR') throw new Error(`watch of ${path}: ${line}`)
        resourceVersion = event.object.metadata.resourceVersion
        if (event.type !== 'DELETED')
          note(event.object.metadata.name, stageOf[shape](event.object), at)
      }
    }
    reopened += 1
  }
}

function note(name: string, stage: 'waiting' | 'running' | 'finished', at: number): void {
  if (stage === 'running' && !running.has(name)) running.set(name, at)
  if (stage !== 'finished' || finished.has(name)) return
  finished.set(name, at)
  checkTarget()
}

function checkTarget(): void {
  if (target === undefined || finished.size < target.finished) return
  const { prefix } = target
  const count = [...finished.keys()].filter((name) => name.startsWith(prefix)).length
  if (count < target.finished) return
  target = undefined
  say({ kind: 'reached' })
}

function take(map: Map<string, number>, prefix: string): Record<string, number> {
  const taken = [...map].filter(([name]) => name.startsWith(prefix))
  for (const [name] of taken) map.delete(name)
  return Object.fromEntries(taken)
}

/** Where a task is, as far as the bench cares. */
type Stage = 'waiting' | 'running' | 'finished'

/** Reads the stage of each kind that is measured. */
const stageOf: Readonly<Record<Shape, (object: unknown) => Stage>> = {
  any: () => 'finished',
  floor: (object) => {
    const { status } = object as { readonly status?: { readonly phase?: string } }
    if (status?.phase === 'Succeeded') return 'finished'
    return status?.phase === 'Running' ? 'running' : 'waiting'
  },
  agenttask: (object) => {
    const task = object as AgentTask
    // A task that only waits for its merge does not yet free the tasks that depend on it.
    if (isFinished(task) && hasSucceeded(task)) return 'finished'
    return heldBy(task) === undefined ? 'waiting' : 'running'
  },
}
