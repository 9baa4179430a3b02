import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'

/**
 * A command that says when it can be interrupted and when it has ended in order, and leaves a
 * little later.
 */
const command = `
import { interruptible } from ${JSON.stringify(new URL('failure.ts', import.meta.url).href)}
const interrupt = interruptible()
const alive = setInterval(() => {}, 1000)
interrupt.signal.addEventListener('abort', () => {
  interrupt.end()
  clearInterval(alive)
  process.exitCode = 130
  setTimeout(() => {}, 250)
  console.log('ended')
})
console.log('ready')
`

test.each([
  ['one Ctrl-C', ['ready']],
  ['a Ctrl-C that npm passes on as well', ['ready', 'ended']],
])('%s ends a command with its own exit code', async (_, moments) => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', command])
  child.stdout.on('data', (said) => {
    for (const moment of moments) if (String(said).includes(moment)) child.kill('SIGINT')
  })
  expect(await once(child, 'exit')).toEqual([130, null])
})
