import { describe, expect, test } from 'vitest'
import { duration, streamLog } from './log.ts'

describe('duration', () => {
  test.each([
    [400, '0.4 s'],
    [9_940, '9.9 s'],
    [12_300, '12 s'],
    [59_400, '59 s'],
    [60_000, '1 min 0 s'],
    [185_000, '3 min 5 s'],
  ])('says %d ms as %s', (milliseconds, want) => {
    expect(duration(milliseconds)).toBe(want)
  })
})

describe('streamLog', () => {
  test('says what goes on at most every 30 s when nobody sits at a terminal', () => {
    let now = 0
    const { stream, text } = recorder(false)
    const log = streamLog(stream, () => now)
    log.line('building')
    for (now = 1_000; now <= 61_000; now += 1_000) log.update(`${now / 1_000} s`)
    expect(text()).toBe('building\n30 s\n60 s\n')
  })

  test('refreshes one line at a terminal, and clears it for the next finished one', () => {
    const { stream, text } = recorder(true)
    const log = streamLog(stream, () => 0)
    log.update('1 s')
    log.update('2 s')
    log.line('built')
    expect(text()).toBe('\r\x1b[K1 s\r\x1b[K2 s\r\x1b[Kbuilt\n')
  })
})

function recorder(isTTY: boolean) {
  let written = ''
  const write = (chunk: string | Uint8Array): boolean => {
    written += String(chunk)
    return true
  }
  return { stream: { isTTY, write }, text: () => written }
}
