// The example of the README: it compiles, and it works against the simulated API server.
import { globSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { expect, test } from 'vitest'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { start } from '../../test/support/simulated-server.ts'
import { factsOf } from '../../test/support/sources.ts'
import { seededRandom } from '../../test/support/virtual-clock.ts'
import type { Clock, Random } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { KubeClient } from './client.ts'
import { configMaps } from './built-in-kinds.ts'
import { Informer } from './informer.ts'
import { keyOf, refOf } from './resource.ts'
import { Controller, done } from './runtime/controller.ts'
import { Manager } from './runtime/manager.ts'

interface Parts {
  readonly client: KubeClient
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** Labels each ConfigMap with the number of its keys. */
function keyCounter(parts: Parts): Manager {
  const cache = new Informer({ ...parts, resource: configMaps, namespace: 'default' })
  const controller = new Controller({
    ...parts,
    name: 'key-counter',
    views: [cache],
    reconcile: async (key, { signal }) => {
      const { namespace, name } = refOf(key)
      const found = cache.get(namespace, name)
      if (found === undefined) return done
      const keys = String(Object.keys(found.data ?? {}).length)
      if (found.metadata.labels?.['example.dev/keys'] === keys) return done
      const metadata = { namespace, name, labels: { 'example.dev/keys': keys } }
      const owner = { fieldManager: 'key-counter', signal }
      cache.noteWrite(await parts.client.apply(configMaps, { metadata }, owner))
      return done
    },
  })
  cache.onChange((ref) => controller.enqueue(keyOf(ref)))
  return new Manager({ ...parts, caches: [cache], leading: [controller] })
}

const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')

test('the README lists every file, below all files that it imports', () => {
  const rows = readme.split('\n').filter((line) => line.startsWith('| `'))
  const listed = rows.flatMap((row) =>
    [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, file = '']) => file),
  )
  const files = globSync('**/*.ts', { cwd: import.meta.dirname })
  expect(listed.toSorted()).toEqual(files.filter((file) => !file.endsWith('.test.ts')).toSorted())
  const upward = listed.flatMap((file, index) =>
    importsOf(file)
      .filter((target) => !listed.slice(0, index).includes(target))
      .map((target) => `${file} -> ${target}`),
  )
  expect(upward).toEqual([])
})

/** The files of this library that one of them imports. */
function importsOf(file: string): readonly string[] {
  return factsOf(posix.join('core/kube', file))
    .loads.flatMap(({ how, target }) => (how === 'path' || target === undefined ? [] : [target]))
    .map((target) => posix.relative('core/kube', target))
    .filter((target) => !target.startsWith('..'))
}

test('the README shows the controller of this file', () => {
  const shown = /```ts\n([\s\S]*?)```/.exec(readme)?.[1]
  expect(shown).toBe(`/** Labels each${textBetween('/** Labels each', '\nconst readme')}`)
})

function textBetween(from: string, to: string): string {
  const text = readFileSync(import.meta.filename, 'utf8')
  const begin = text.indexOf(from) + from.length
  return text.slice(begin, text.indexOf(to, begin))
}

test('the controller of the README labels a ConfigMap, and again after it changed', async () => {
  const { clock, client } = start()
  const ending = new AbortController()
  const manager = keyCounter({ client, clock, random: seededRandom(2), log: silentLogger })
  const running = manager.run({ signal: ending.signal })
  const ref = { namespace: 'default', name: 'a' }
  const label = async () =>
    (await client.get(configMaps, ref)).metadata.labels?.['example.dev/keys']

  await client.create(configMaps, { metadata: ref, data: { one: '1' } })
  await clock.advance(1_000)
  expect(await label()).toBe('1')

  const body = { data: { two: '2' } }
  await client.patch(configMaps, ref, { type: 'merge', body })
  await clock.advance(1_000)
  expect(await label()).toBe('2')

  ending.abort()
  await clock.advance(1_000)
  await running
})
