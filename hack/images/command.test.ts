import { describe, expect, test } from 'vitest'
import { failureMessage, run, succeeds } from './command.ts'

describe('run', () => {
  test('returns what the program printed on stdout', async () => {
    expect(await run('asking', process.execPath, ['-p', '6 * 7'])).toBe('42')
  })

  test('says what failed, how to repeat it, and what the program printed last', async () => {
    const script = 'console.error("no space left"); process.exit(3)'
    await expect(run('packing', process.execPath, ['-e', script])).rejects.toThrow(
      /^packing failed; repeat it by hand to see everything: .*\nno space left$/s,
    )
  })

  test('says so when there is no such program', async () => {
    await expect(run('packing', 'no-such-program', [])).rejects.toThrow(
      /^packing failed; .*ENOENT/s,
    )
  })

  test('stops with the signal', async () => {
    const stop = new AbortController()
    const waiting = run('waiting', process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'], {
      signal: stop.signal,
    })
    stop.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow(new Error('enough'))
  })
})

test.each([
  ['ends well', ['-e', ''], true],
  ['ends badly', ['-e', 'process.exit(1)'], false],
])('a program that %s succeeds: %s', async (_, args, want) => {
  expect(await succeeds(process.execPath, args)).toBe(want)
})

test('a program that takes too long does not succeed', async () => {
  const args = ['-e', 'setTimeout(() => {}, 60_000)']
  expect(await succeeds(process.execPath, args, { timeout: 100 })).toBe(false)
})

test('only the last 15 lines are shown, and words are quoted for a shell', () => {
  const output = Array.from({ length: 20 }, (_, line) => `line ${line + 1}`).join('\n')
  const message = failureMessage('building', ['x', "it's", '--a=b'], output)
  expect(message.split('\n')[0]).toContain("x 'it'\\''s' --a=b")
  expect(message).not.toContain('line 5\n')
  expect(message).toContain('line 6\n')
})
