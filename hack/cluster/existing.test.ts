import { expect, test } from 'vitest'
import { existingProvider } from './existing.ts'
import { silentLog } from './log.ts'

test('says how images get into a cluster that was not started from here', async () => {
  const load = existingProvider.load(['operator.tar'], { log: silentLog })
  await expect(load).rejects.toThrow(/operator\.tar.*push them to a registry/)
})

test('leaves such a cluster alone on down', async () => {
  const lines: string[] = []
  const log = { ...silentLog, line: (text: string) => lines.push(text) }
  await existingProvider.down({ log, purge: true })
  expect(lines).toEqual(['this cluster was not started from here; it stays as it is'])
})
