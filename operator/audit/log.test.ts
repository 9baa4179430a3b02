import { expect, test } from 'vitest'
import type { KubeClient } from '../kube/client.ts'
import type { ConfigMap } from '../kube/core.ts'
import { KubeError } from '../kube/errors.ts'
import { silentLogger } from '../runtime/logger.ts'
import { VirtualClock } from '../../test/virtual-clock.ts'
import { AuditLog } from './log.ts'
import { verify, type AuditEntry } from './record.ts'

const conflict = (reason: string) => new KubeError({ status: 409, reason, message: reason })

/** ConfigMaps with versions, and a switch that loses the answer of the next write. */
class Maps {
  readonly stored = new Map<string, ConfigMap>()
  loseNext = false
  #version = 0

  readonly client = {
    list: async () => ({ items: [...this.stored.values()], resourceVersion: '' }),
    create: async (_kind: unknown, map: ConfigMap) => {
      if (this.stored.has(map.metadata.name)) throw conflict('AlreadyExists')
      return this.#put(map)
    },
    update: async (_kind: unknown, map: ConfigMap) => {
      const there = this.stored.get(map.metadata.name)
      if (there?.metadata.resourceVersion !== map.metadata.resourceVersion)
        throw conflict('Conflict')
      return this.#put(map)
    },
  } as unknown as KubeClient

  get lines(): readonly string[] {
    return [...this.stored.values()].flatMap((map) =>
      (map.data?.['records.jsonl'] ?? '').split('\n').filter((line) => line !== ''),
    )
  }

  get messages(): readonly string[] {
    return this.lines.map((line) => (JSON.parse(line) as AuditEntry).message)
  }

  #put(map: ConfigMap): ConfigMap {
    const metadata = { ...map.metadata, resourceVersion: String(++this.#version) }
    const written = { ...map, metadata }
    this.stored.set(map.metadata.name, written)
    if (!this.loseNext) return written
    this.loseNext = false
    throw new KubeError({ status: 0, reason: 'Timeout', message: 'no answer' })
  }
}

function writer(maps: Maps, clock: VirtualClock): AuditLog {
  const log = new AuditLog({ client: maps.client, namespace: 'n', clock, log: silentLogger })
  const { signal } = new AbortController()
  void log.run({ stop: signal, abort: signal })
  return log
}

const entry = (message: string) => ({
  actor: 'operator',
  action: 'Assigned',
  kind: 'AgentTask',
  name: 'a',
  uid: 'u',
  message,
})

test('two writers chain their records behind each other', async () => {
  const maps = new Maps()
  const clock = new VirtualClock()
  const [one, other] = [writer(maps, clock), writer(maps, clock)]
  one.append(entry('1'))
  await clock.advance(1_000)
  other.append(entry('2'))
  await clock.advance(1_000)
  one.append(entry('3'))
  await clock.advance(2_000)
  expect(maps.messages).toEqual(['1', '2', '3'])
  expect(verify(maps.lines).kind).toBe('intact')
})

test.each(['the first', 'a later'])(
  '%s write whose answer is lost is not repeated',
  async (which) => {
    const maps = new Maps()
    const clock = new VirtualClock()
    const log = writer(maps, clock)
    if (which === 'a later') {
      log.append(entry('0'))
      await clock.advance(1_000)
    }
    maps.loseNext = true
    log.append(entry('1'))
    await clock.advance(1_000)
    log.append(entry('2'))
    await clock.advance(3_000)
    expect(maps.messages).toEqual(which === 'a later' ? ['0', '1', '2'] : ['1', '2'])
    expect(verify(maps.lines).kind).toBe('intact')
  },
)

test('what waited through an outage is stored in pieces that fit', async () => {
  const maps = new Maps()
  const clock = new VirtualClock()
  const log = writer(maps, clock)
  for (let index = 0; index < 3000; index += 1) log.append(entry(`${index} ${'x'.repeat(900)}`))
  await clock.advance(2_000)
  expect(maps.messages).toHaveLength(3000)
  expect(verify(maps.lines).kind).toBe('intact')
  for (const map of maps.stored.values())
    expect(JSON.stringify(map).length).toBeLessThan(1024 * 1024)
})

test('a record that somebody spoiled does not end the log', async () => {
  const maps = new Maps()
  const clock = new VirtualClock()
  writer(maps, clock).append(entry('1'))
  await clock.advance(1_000)
  const [map] = maps.stored.values()
  if (map === undefined) throw new Error('nothing was stored')
  maps.stored.set(map.metadata.name, { ...map, data: { 'records.jsonl': 'oops\n' } })
  writer(maps, clock).append(entry('2'))
  await clock.advance(2_000)
  expect(maps.lines).toHaveLength(2)
  expect(maps.lines[1]).toContain('"message":"2"')
})
