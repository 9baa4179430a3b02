// The smallest possible client: two status writes for each task, each carrying the resourceVersion
// that the answer before gave, and nothing else. No cache, no queue, no schema, no log.
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { workTimes } from '../workloads.ts'
import { floorGroup, floorPath, floorStatus, floorTask, floorVersion } from './definition.ts'
import type { FloorRun, FromWriter, ToWriter } from '../program.ts'

const creators = 16
const say = (message: FromWriter): void => void process.send?.(message)

process.on('message', (message: ToWriter) => {
  if (message.kind !== 'prepare') return
  carryOut(message).catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
})

async function carryOut(run: FloorRun): Promise<void> {
  const { server, ...tls } = run.access
  const path = floorPath(run.namespace)
  const pool = new Pool(server, {
    connections: Math.max(run.chains.length, creators),
    connect: tls,
  })
  const send = async (method: 'POST' | 'PUT', to: string, body: object): Promise<string> => {
    const answer = await pool.request({
      method,
      path: to,
      headers: { 'content-type': 'application/json', 'user-agent': 'guildhall-floor' },
      body: JSON.stringify(body),
    })
    const text = await answer.body.text()
    if (answer.statusCode >= 300) throw new Error(`${method} ${to}: ${answer.statusCode} ${text}`)
    return text
  }
  const versions = new Map<string, string>()
  const names = run.chains.flat()
  await Promise.all(
    Array.from({ length: creators }, async (_, first) => {
      for (let at = first; at < names.length; at += creators) {
        const name = names[at] ?? ''
        versions.set(name, versionIn(await send('POST', path, floorTask(name))))
      }
    }),
  )
  say({ kind: 'prepared' })
  await new Promise<void>((resolve) => {
    process.once('message', () => resolve())
  })

  const end = Date.now() + run.mostSeconds * 1000
  let bytes = 0
  const write = async (name: string, status: object): Promise<void> => {
    const text = await send('PUT', `${path}/${name}/status`, {
      apiVersion: `${floorGroup}/${floorVersion}`,
      kind: 'FloorTask',
      metadata: { name, resourceVersion: versions.get(name) },
      status,
    })
    bytes = text.length
    versions.set(name, versionIn(text))
  }
  const pause = workTimes(run.meanTaskMs, 1)
  await Promise.all(
    run.chains.map(async (chain, place) => {
      if (run.everyMs > 0) await sleep(place * run.everyMs)
      for (const name of chain) {
        if (Date.now() > end) return
        await write(name, floorStatus.running)
        const ms = pause()
        if (ms > 0) await sleep(ms)
        await write(name, floorStatus.finished)
      }
    }),
  )
  await pool.close()
  say({ kind: 'done', bytes })
}

/** Read with a regular expression: parsing the whole answer is not needed for the next write. */
function versionIn(text: string): string {
  return /"resourceVersion":"(\d+)"/.exec(text)?.[1] ?? ''
}
