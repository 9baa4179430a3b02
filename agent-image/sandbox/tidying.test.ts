// What a command leaves in files: gone for the next one, however it was made.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { connectSandbox, type Sandbox } from '../agent/sandbox-client.ts'
import { mayUnshare, startPod, type TestPod } from '../../test/support/agent/processes.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

/** Code that makes something in the folder `at` (a JavaScript expression). */
const messes: readonly (readonly [string, string])[] = [
  ['a file', "fs.writeFileSync('x.db', 'past')"],
  [
    '3,000 nested folders',
    "for (let i = 0; i < 3000; i++) { fs.mkdirSync('d'.repeat(200)); process.chdir('d'.repeat(200)) } fs.writeFileSync('leaf', '')",
  ],
  [
    'a locked folder',
    "fs.mkdirSync('locked/in/side', { recursive: true }); fs.writeFileSync('locked/in/side/f', ''); fs.chmodSync('locked/in/side', 0); fs.chmodSync('locked/in', 0o400); fs.chmodSync('locked', 0)",
  ],
  [
    'a locked folder at the end of 300 others',
    "for (let i = 0; i < 300; i++) { fs.mkdirSync('d'.repeat(200)); process.chdir('d'.repeat(200)) } fs.mkdirSync('l'); fs.writeFileSync('l/f', ''); fs.chmodSync('l', 0)",
  ],
  ['a socket', "require('net').createServer().listen('sock')"],
  ['a fifo', "require('child_process').execFileSync('mkfifo', ['pipe'])"],
  [
    'a link to a folder that is not its own',
    "fs.symlinkSync(process.env.TMPDIR + '/../../..', 'up')",
  ],
  ['a link to itself', "fs.symlinkSync('loop', 'loop')"],
  [
    'names that are not text',
    "fs.writeFileSync(Buffer.from([0x66, 0xff, 0xfe]), ''); fs.mkdirSync(Buffer.from([0x2d, 0x72, 0xff])); fs.writeFileSync(Buffer.from([0x2d, 0x72, 0xff, 0x2f, 0x0a]), '')",
  ],
  [
    'names that look like options',
    "fs.writeFileSync('-rf', ''); fs.mkdirSync('-delete'); fs.writeFileSync('!', ''); fs.writeFileSync('(', '')",
  ],
  ['2,000 files', "for (let i = 0; i < 2000; i++) fs.writeFileSync('f' + i, '')"],
]

/** The deepest takes seconds, and is removed by the same hand everywhere. */
const shallow = messes.filter(([what]) => what !== '3,000 nested folders')

describe.each([
  ['as a plain process', {}, true],
  ['as process 1 with a user of its own', { inNamespace: true }, mayUnshare],
] as const)('a sandbox %s', (_how, options, possible) => {
  const owns = 'inNamespace' in options
  const here = test.skipIf(!possible)
  const inside = test.skipIf(!possible || !owns)
  let pod: TestPod
  let sandbox: Sandbox
  beforeAll(async () => {
    if (!possible) return
    pod = await startPod('t', options)
    sandbox = connectSandbox(pod.socketPath)
  })
  afterAll(() => pod?.close())
  const signal = AbortSignal.timeout(600_000)
  const js = async (code: string) => {
    const argv = ['node', '-e', `const fs = require('fs'); ${code}`]
    const result = await sandbox.exec({ argv, cwd: pod.workspace, timeoutSeconds: 40 }, { signal })
    expect(result.stderr).toBe('')
    return result
  }
  const inFolder = (at: string, mess: string) =>
    js(`process.chdir(${at}); ${mess}; setTimeout(() => process.exit(0), 300)`)
  const parent = "require('path').dirname(process.env.TMPDIR)"
  const left = async (at: string) =>
    (await js(`console.log(JSON.stringify(fs.readdirSync(${at}, { encoding: 'latin1' })))`)).stdout

  here.each(shallow)(
    'gives each command an empty TMPDIR after one that left %s there',
    async (_what, mess) => {
      await inFolder('process.env.TMPDIR', mess)
      expect(await left('process.env.TMPDIR')).toBe('[]\n')
      expect(JSON.parse(await left(parent))).toHaveLength(1)
    },
  )

  here(
    'leaves HOME and TMPDIR to the next command that wants them as they are left, and to that one only',
    async () => {
      const run = async (code: string, asLeft: boolean) => {
        const argv = [
          'node',
          '-e',
          `const fs = require('fs'), { HOME, TMPDIR } = process.env; ${code}`,
        ]
        const words = { argv, cwd: pod.workspace, timeoutSeconds: 40, asLeft }
        return (await sandbox.exec(words, { signal })).stdout
      }
      const list = "console.log(fs.readdirSync(HOME).join(), fs.readdirSync(TMPDIR + '').join())"
      await run(
        "fs.writeFileSync(HOME + '/todos.json', '[]'); fs.writeFileSync(TMPDIR + '/x', '')",
        false,
      )
      expect(await run(list, true)).toBe('todos.json,x todos.json,x\n')
      expect(await run(list, false)).toBe(' \n')
      // A link in its place is not followed.
      await run("fs.rmdirSync(HOME); fs.symlinkSync('/etc', HOME)", false)
      expect(await run(list, true)).toBe(' \n')
    },
  )

  here.each(shallow)('clears the folder above the TMPDIR of %s', async (_what, mess) => {
    await inFolder(parent, mess)
    expect(JSON.parse(await left(parent))).toHaveLength(1)
  })

  here('makes the folder above TMPDIR again when a command put a link there', async () => {
    const victim = mkdtempSync(join(tmpdir(), 'victim-'))
    writeFileSync(join(victim, 'precious'), 'x')
    await js(
      `fs.rmSync(${parent}, { recursive: true }); fs.symlinkSync('${victim}', ${parent}.replace(/\\/$/, ''))`,
    )
    expect(await left('process.env.TMPDIR')).toBe('[]\n')
    expect(readdirSync(victim)).toEqual(['precious'])
    rmSync(victim, { recursive: true })
  })

  here.each(messes)('empties a folder of %s and keeps the folder', async (_what, mess) => {
    const tree = join(pod.workspace, 'tree')
    rmSync(tree, { recursive: true, force: true })
    mkdirSync(tree, { mode: 0o775 })
    const inode = lstatSync(tree).ino
    if (owns) await makeGroups(tree)
    await inFolder(JSON.stringify(tree), mess)
    await sandbox.reset({ empty: tree }, { signal })
    expect(readdirSync(tree)).toEqual([])
    expect(lstatSync(tree).ino).toBe(inode)
  })

  here.each(shallow)('removes a folder of %s', async (_what, mess) => {
    await js("fs.mkdirSync('mine')")
    await inFolder("'mine'", mess)
    await sandbox.reset({ remove: join(pod.workspace, 'mine') }, { signal })
    expect(existsSync(join(pod.workspace, 'mine'))).toBe(false)
  })

  here('removes a link in the place of a folder, and nothing where it points', async () => {
    const victim = mkdtempSync(join(tmpdir(), 'victim-'))
    writeFileSync(join(victim, 'precious'), 'x')
    for (const what of ['remove', 'empty'] as const) {
      await js(`fs.symlinkSync('${victim}', 'link')`)
      await sandbox.reset({ [what]: join(pod.workspace, 'link') }, { signal })
      expect(readdirSync(pod.workspace)).not.toContain('link')
    }
    expect(readdirSync(victim)).toEqual(['precious'])
    rmSync(victim, { recursive: true })
  })

  here.each(['remove', 'empty'])(
    'refuses to %s anything outside of the workspace',
    async (what) => {
      const outside = mkdtempSync(join(tmpdir(), 'outside-'))
      mkdirSync(join(outside, 'x'))
      if (!existsSync(join(pod.workspace, 'out'))) symlinkSync(outside, join(pod.workspace, 'out'))
      for (const path of [
        pod.workspace,
        `${pod.workspace}/.`,
        `${pod.workspace}/a/..`,
        `${pod.workspace}/..`,
        outside,
        join(pod.workspace, 'out/x'),
        'relative',
        '/',
      ])
        expect([path, await post('/reset', { [what]: path })]).toEqual([path, 400])
      expect(readdirSync(outside)).toEqual(['x'])
      rmSync(outside, { recursive: true })
      rmSync(join(pod.workspace, 'out'), { force: true })
    },
  )

  const post = (path: string, body: unknown): Promise<number> =>
    new Promise((resolve, reject) => {
      const outgoing = request({ socketPath: pod.socketPath, path, method: 'POST' }, (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
      outgoing.on('error', reject)
      outgoing.end(JSON.stringify(body))
    })

  inside.each(['/tmp', '/dev/shm'])(
    'clears %s before the next command of the same attempt',
    async (place) => {
      const name = `guildhall-test-${process.pid}`
      for (const [what, mess] of shallow.slice(0, 3)) {
        await inFolder(`(fs.mkdirSync('${place}/${name}'), '${place}/${name}')`, mess)
        expect([what, JSON.parse(await left(`'${place}'`))]).toEqual([
          what,
          expect.not.arrayContaining([name]),
        ])
        expect((await js(`console.log(fs.existsSync('${place}/${name}'))`)).stdout).toBe('false\n')
      }
    },
  )

  inside('removes shared memory that outlives its process', async () => {
    const argv = [
      'python3',
      '-c',
      'import ctypes; print(ctypes.CDLL(None).shmget(4711, 4096, 0o1666) >= 0)',
    ]
    const made = await sandbox.exec({ argv, cwd: pod.workspace, timeoutSeconds: 20 }, { signal })
    expect(made.stdout).toBe('True\n')
    const table = await js(
      "console.log(fs.readFileSync('/proc/sysvipc/shm', 'utf8').trim().split('\\n').length)",
    )
    expect(table.stdout).toBe('1\n')
  })

  inside(
    'removes at the end of an attempt what its user left in the workspace, and nothing of others',
    async () => {
      mkdirSync(join(pod.workspace, 'agents/tree'), { recursive: true })
      writeFileSync(join(pod.workspace, 'agents/tree/kept'), '')
      await makeGroups(join(pod.workspace, 'agents/tree'))
      await js(
        "fs.mkdirSync('loose/deep', { recursive: true }); fs.writeFileSync('agents/tree/left', ''); fs.mkdirSync('loose/locked', { mode: 0 })",
      )
      await sandbox.reset(undefined, { signal })
      expect(readdirSync(pod.workspace)).toContain('agents')
      expect(readdirSync(pod.workspace)).not.toContain('loose')
      expect(readdirSync(join(pod.workspace, 'agents/tree'))).toEqual(['kept'])
    },
  )

  test.skipIf(owns)('leaves files of others in shared places alone', async () => {
    const name = join(tmpdir(), `guildhall-kept-${process.pid}`)
    writeFileSync(name, '')
    await js('')
    await sandbox.reset(undefined, { signal })
    expect(existsSync(name)).toBe(true)
    rmSync(name)
  })
})

/** As the agent does it: the group of the Pod may write. */
async function makeGroups(path: string): Promise<void> {
  const { chmod, chown } = await import('node:fs/promises')
  await chown(path, 0, 10_000)
  await chmod(path, 0o2775)
}
