// Kind: what is wrong on the command line is named, with what helps there, and nothing is begun.
import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { chooseModel } from './planning/model-server.ts'

const patience = { timeout: 60_000 }

/** Runs `guild`; nothing leads to a cluster. */
async function guild(...args: readonly string[]) {
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const main = join(import.meta.dirname, 'main.ts')
    const env = { PATH: process.env['PATH'] ?? '', HOME: '/nowhere' }
    const child = execFile(process.execPath, [main, ...args], { env }, (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    )
  })
}

test.each<[readonly string[], RegExp]>([
  [['help', 'foo'], /^error: there is no command guild foo\nnext: guild --help/],
  [['tree', '--bogus'], /unknown option '--bogus'\n\(guild tree --help shows its options\)/],
  [['try', '--context', '0'], /\(guild try --help shows its options\)/],
  [['submit', 'hi', '--file', 'x'], /^error: give only one of a text and --file\n/],
  [['submit'], /^error: submit needs either a text or --file\n/],
  [['submit', '-f', '/nope.yaml'], /^error: \/nope.yaml cannot be read: there is no such file\n/],
  [['submit', 'x', '--plan', '/'], /^error: \/ cannot be read: it is a folder, not a file\n/],
  [['plan', '-f', '/etc/hosts/x'], /: a part of its path is a file, not a folder\n/],
  [['list', '--kubeconfig', '/etc'], /kubeconfig \/etc cannot be read: it is a folder, not a file/],
  [['watch', 'x', '--timeout', '0'], /has to be longer than 0/],
  [['logs', '--since', '0s'], /has to be longer than 0/],
  [['try', '--repo', '.', '--goal', 'x', '--files', 'src/*.js'], /src\/\*\.js is a pattern/],
  [['try', '--repo', '.', '--goal', 'x', '--files', 'src/**'], /name each file/],
  [['submit', '-f', '/dev/null'], /^error: \/dev\/null holds no DevRequest: it is empty/],
  [['submit', 'x', '--plan', '/dev/null'], /holds no plan: it is empty/],
  [['submit', 'x', '--name', ''], /argument '' is invalid. It is empty\./],
  [['fetch', 'x', '-d', ' '], /It is empty\./],
  [['list', '-n', 'A b'], /^error: a namespace cannot be called "A b": a name has/],
  [['plan', '--request', 'x', '--context', '0'], /1024 tokens are the least/],
  [['try', '--goal', 'x', '--context', '1023'], /1024 tokens are the least/],
  [['plan', '--request', 'x', '--ollama', 'ftp://x'], /it begins with ftp:\/\//],
  [['plan', '--request', 'x', '--ollama', 'unix:///x'], /it begins with unix:\/\//],
])('guild %j', patience, async (args, want) => {
  const { code, err } = await guild(...args)
  expect(err).toMatch(want)
  expect(err).not.toMatch(/ENOENT|EISDIR|ENOTDIR|\n +at /)
  expect(code).toBe(2)
})

const named = ['tree', 'logs', 'diff', 'fetch', 'edit', 'resume', 'suspend', 'watch']
const impossible = ['', '..', 'a/b', 'Hello', 'a b', '-', 'ü', 'x'.repeat(300), '.']

test.each(named.map((command, at) => [command, impossible[at] ?? '.'] as const))(
  'a name that no object can have is refused before a cluster is looked for: guild %s %j',
  patience,
  async (command, name) => {
    for (const typed of new Set(['', name])) {
      const { code, err, out } = await guild(command, '--', typed)
      expect(err).toMatch(/^error: a DevRequest cannot be called ".{0,41}": (?:a|the) name /)
      expect(err).toMatch(/\nnext: guild list /)
      expect([code, out]).toEqual([2, ''])
    }
  },
)

test.each([
  ['watch', /124/, /a number alone is seconds/],
  ['submit', /130/, /with --watch it is that of guild watch/i],
])('the help of %s says what its exit codes mean', patience, async (command, code, more) => {
  const { out } = await guild(command, '--help')
  expect(out).toMatch(/exit code is 0/)
  expect(out).toMatch(code)
  expect(out.replace(/\s+/g, ' ')).toMatch(more)
})

test('the version, and the help of one command', patience, async () => {
  expect(await guild('--version')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^guild \d/),
  })
  expect((await guild('help', 'ls')).out).toMatch(/^Usage: guild list\|ls/)
})

test('what answers in place of a model server is told without the words of libraries', async () => {
  const server = createServer((_, response) => {
    response.writeHead(302, { location: 'https://elsewhere.example/' }).end()
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const { signal } = new AbortController()
  const asked = (ollama: string) => chooseModel({ ollama }, { signal })
  await expect(asked(`https://127.0.0.1:${port}`)).rejects.toThrow(/does not speak TLS; try http:/)
  await expect(asked(`http://127.0.0.1:${port}`)).rejects.toThrow(/redirect|answered 302/)
  await expect(asked('http://127.0.0.1:1')).rejects.toThrow(/cannot be used: /)
  await expect(asked('http://no-such-host.invalid')).rejects.toThrow(/there is no such host/)
  for (const address of ['http://127.0.0.1:6000', 'http://127.0.0.1:99999'])
    await expect(asked(address)).rejects.toThrow(/kept for other things|no address|ECONNREFUSED/)
  for (const address of [`https://127.0.0.1:${port}`, 'http://127.0.0.1:6000'])
    await expect(asked(address)).rejects.not.toThrow(/routines|fetch failed/)
})
