import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  commandMemory,
  containerMemory,
  excessOf,
  findStrays,
  type Limits,
  type ProcessEntry,
  type StrayRule,
  withLimits,
} from './processes.ts'
import { connectSandbox, type Sandbox } from '../agent/sandbox-client.ts'
import { mayUnshare, startPod, type TestPod } from '../../test/support/agent/processes.ts'

const entry = (pid: number, more: Partial<ProcessEntry> = {}): ProcessEntry => ({
  pid,
  parent: 1,
  group: pid,
  session: pid,
  uid: 10002,
  gone: false,
  marked: false,
  ...more,
})
const rule: StrayRule = { self: 10, group: 20, ownsNamespace: false, uid: 10002 }

test.each<[string, ProcessEntry[], Partial<StrayRule>, number[]]>([
  ['a stranger of the same user', [entry(30)], {}, []],
  ['a process of the command’s group', [entry(30, { group: 20 })], {}, [30]],
  [
    'a process of the command’s session with a group of its own',
    [entry(30, { session: 20 })],
    {},
    [30],
  ],
  ['a process that ran away but carries the marker', [entry(30, { marked: true })], {}, [30]],
  ['a child of ours that cleared its environment', [entry(30, { parent: 10 })], {}, [30]],
  [
    'a grandchild of a marked process',
    [entry(32, { parent: 31 }), entry(31, { parent: 30 }), entry(30, { marked: true })],
    {},
    [30, 31, 32],
  ],
  ['ourselves, though in the group', [entry(10, { group: 20 })], {}, []],
  ['a zombie', [entry(30, { group: 20, gone: true })], {}, []],
  ['process 1', [entry(1, { marked: true })], {}, []],
  [
    'a stranger of the same user where all of it is ours',
    [entry(30)],
    { ownsNamespace: true },
    [30],
  ],
  ['another user where all of ours is ours', [entry(30, { uid: 0 })], { ownsNamespace: true }, []],
])('%s', (_what, processes, more, want) => {
  expect(findStrays(processes, { ...rule, ...more }).toSorted((a, b) => a - b)).toEqual(want)
})

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const mebi = 1024 * 1024
const limits: Limits = { memoryBytes: 768 * mebi, processes: 3, ownUser: false }

test.each<[string, Record<string, string>, number | undefined]>([
  ['version 2', { '/sys/fs/cgroup/memory.max': '1073741824\n' }, 1073741824],
  ['version 2 without a limit', { '/sys/fs/cgroup/memory.max': 'max\n' }, undefined],
  ['version 1', { '/sys/fs/cgroup/memory/memory.limit_in_bytes': '536870912\n' }, 536870912],
  [
    'version 1 without a limit',
    { '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n' },
    undefined,
  ],
  ['no control groups', {}, undefined],
])('reads the memory of a container with %s', (_what, files, want) => {
  expect(containerMemory((path) => files[path] ?? '')).toBe(want)
})

test.each([
  [1024, 768],
  [4096, 3840],
  [512, 256],
  [256, 128],
])('leaves commands in %i MiB of memory %i MiB', (container, want) => {
  expect(commandMemory(container * mebi)).toBe(want * mebi)
})

test('takes the chart’s memory for that of a machine without a limit', () => {
  expect(commandMemory()).toBe(768 * mebi)
})

test.each([
  ['nothing', [], 'none'],
  ['as much as is allowed', [400, 368], 'none'],
  ['too much in one', [800], 'memory'],
  ['too much in all, the second most', [200, 400, 200], 'memory'],
  ['too many processes', [1, 1, 1, 1], 'processes'],
])('of a command that uses %s', (_what, sizes, want) => {
  const usages = sizes.map((size, index) => ({ pid: index + 10, bytes: size * mebi }))
  const excess = excessOf(usages, limits)
  expect(excess.kind).toBe(want)
  if (excess.kind !== 'memory') return
  expect(excess.pid).toBe(10 + sizes.indexOf(Math.max(...sizes)))
  expect(excess.problem).toContain('768 MiB')
})

test('holds the number of processes and of queued signals only where the user is the sandbox’s own', () => {
  expect(withLimits(['node'], limits).join(' ')).not.toMatch(/nproc|sigpending/)
  expect(withLimits(['node'], { ...limits, ownUser: true }).join(' ')).toMatch(/nproc.*sigpending/)
})

test.each([
  ['python3', true],
  ['/usr/bin/python3.11', true],
  ['node', false],
  ['python-like', false],
])('lets the kernel hold the memory of %s: %s', (program, want) => {
  expect(withLimits([program], limits).some((word) => word.startsWith('--data='))).toBe(want)
})

describe.each([
  ['as a plain process', {}, true],
  ['as process 1', { inNamespace: true }, mayUnshare],
] as const)('a sandbox %s', (_how, options, possible) => {
  const here = test.skipIf(!possible)
  let pod: TestPod
  let sandbox: Sandbox
  beforeAll(async () => {
    if (!possible) return
    pod = await startPod('t', options)
    sandbox = connectSandbox(pod.socketPath)
  })
  afterAll(() => pod?.close())
  const run = (argv: readonly string[], timeoutSeconds = 40) =>
    sandbox.exec(
      { argv: [...argv], cwd: pod.workspace, timeoutSeconds },
      { signal: AbortSignal.timeout(60_000) },
    )

  here.each([
    ['an endless list in Python', ['python3', '-c', 'l = []\nwhile True: l.append([0] * 100000)']],
    ['one huge block in Python', ['python3', '-c', 'x = b"x" * (2 << 30)']],
    ['a doubled text in Python', ['python3', '-c', 's = "x"\nwhile True: s += s']],
  ])('makes %s a MemoryError that the program can tell', async (_what, argv) => {
    const result = await run(argv)
    expect(result).toMatchObject({ exitCode: 1, timedOut: false })
    expect(result.stderr).toContain('MemoryError')
  })

  const nodeList = 'const l = []; for (;;) l.push({ a: [1, 2, 3] })'
  const twins =
    "import os, time\nfor _ in range(4):\n  if os.fork() == 0:\n    x = b'x' * (400 << 20)\n    time.sleep(3)\nfor _ in range(4): os.wait()"
  here.each([
    ['an endless list in Node', ['node', '-e', nodeList]],
    [
      'endless buffers in Node',
      ['node', '-e', 'const l = []; for (;;) l.push(Buffer.alloc(1 << 20, 1))'],
    ],
    [
      'workers that fill their memory',
      [
        'node',
        '-e',
        `const { Worker } = require('worker_threads'); for (let i = 0; i < 3; i++) new Worker(${JSON.stringify(nodeList)}, { eval: true })`,
      ],
    ],
    [
      'an endless list in a child',
      [
        'node',
        '-e',
        `const r = require('child_process').spawnSync(process.execPath, ['-e', ${JSON.stringify(nodeList)}], { stdio: 'inherit' }); console.log('child', r.signal); process.exit(r.status === 0 ? 0 : 7)`,
      ],
    ],
    [
      'many processes that are too large together',
      ['python3', '-c', `${twins}\nraise SystemExit(7)`],
    ],
  ])('ends %s long before the time is over', async (_what, argv) => {
    const result = await run(argv)
    expect(result.exitCode).not.toBe(0)
    expect(result).toMatchObject({ timedOut: false })
    expect(result.stderr).toMatch(/more than 768 MiB of memory|heap out of memory/)
    expect((await run(['echo', 'on'])).stdout).toBe('on\n')
  })

  here('lets a program have four workers and some 300 MiB of buffers', async () => {
    const code =
      "const { Worker } = require('worker_threads'); let n = 0; for (let i = 0; i < 4; i++) new Worker('1', { eval: true }).on('exit', (c) => { n += c }); const b = []; for (let i = 0; i < 300; i++) b.push(Buffer.alloc(1 << 20, 1)); setTimeout(() => console.log('done', n, b.length), 800)"
    expect(await run(['node', '-e', code])).toMatchObject({ exitCode: 0, stdout: 'done 0 300\n' })
  })

  here('fails a file that grows without end, and removes it', async () => {
    const code =
      "f = open('/'.join([__import__('os').environ['TMPDIR'], 'x']), 'wb')\nwhile True: f.write(b'x' * (1 << 22))"
    const result = await run(['python3', '-c', code])
    expect(result.exitCode).not.toBe(0)
    expect(result.timedOut).toBe(false)
  })
})
