import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { engineProvider, k3dTool, kindTool, judgeProbe } from './engine-provider.ts'
import { silentLog } from './log.ts'

const here = import.meta.dirname
const options = { log: silentLog }
const tools = [k3dTool, kindTool]

// The programs are not on every machine that runs these tests: a stand-in records what it is told
// and answers with the name of a cluster.
describe.each(tools)('engineProvider with $name', (tool) => {
  let directory = ''
  const before = { PATH: process.env['PATH'], GUILDHALL_CACHE: process.env['GUILDHALL_CACHE'] }

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'guildhall-engine-'))
    process.env['PATH'] = `${directory}${delimiter}${before.PATH}`
    process.env['GUILDHALL_CACHE'] = join(directory, 'cache')
  })
  afterEach(async () => {
    process.env['PATH'] = before.PATH
    if (before.GUILDHALL_CACHE === undefined) delete process.env['GUILDHALL_CACHE']
    else process.env['GUILDHALL_CACHE'] = before.GUILDHALL_CACHE
    await rm(directory, { recursive: true })
  })

  test('makes the cluster that is checked in when there is none, without touching a kubeconfig of the user', async () => {
    await standIn('other')
    await engineProvider(tool).up(options)
    const file = join(here, `${tool.name}.yaml`)
    const kubeconfig = join(directory, 'cache/kubeconfig', `${tool.name}.yaml`)
    expect(await calls()).toEqual([
      { args: tool.list.join(' '), kubeconfig },
      { args: tool.create(file).join(' '), kubeconfig },
    ])
  })

  test('leaves a cluster alone that is there', async () => {
    await standIn('guildhall')
    await engineProvider(tool).up(options)
    expect((await calls()).map(({ args }) => args)).toEqual([tool.list.join(' ')])
  })

  test('removes only a cluster that is there', async () => {
    await standIn('guildhall')
    await engineProvider(tool).down({ ...options, purge: false })
    await standIn('other')
    await engineProvider(tool).down({ ...options, purge: false })
    const want = [tool.list, tool.remove, tool.list].map((args) => args.join(' '))
    expect((await calls()).map(({ args }) => args)).toEqual(want)
  })

  test('writes the kubeconfig for its owner alone', async () => {
    await standIn('guildhall')
    const path = await engineProvider(tool).kubeconfig(options)
    expect((await readFile(path, 'utf8')).trim()).toBe('guildhall')
  })

  test('says what to type when there is no cluster to load into', async () => {
    await standIn('other')
    await expect(engineProvider(tool).load(['a.tar'], options)).rejects.toThrow('cluster -- up')
  })

  test.each(['up', 'down', 'status', 'kubeconfig', 'load'] as const)(
    'says where to get the program when it is not there: %s',
    async (command) => {
      process.env['PATH'] = directory
      const provider = engineProvider(tool)
      const done = {
        up: () => provider.up(options),
        down: () => provider.down({ ...options, purge: false }),
        status: () => provider.status(options),
        kubeconfig: () => provider.kubeconfig(options),
        load: () => provider.load(['a.tar'], options),
      }[command]()
      await expect(done).rejects.toThrow(
        `${tool.name} is not installed; where to get it: https://k`,
      )
      await expect(done).rejects.not.toThrow(/ENOENT|spawn/)
    },
  )

  async function standIn(cluster: string): Promise<void> {
    const path = join(directory, tool.name)
    const log = join(directory, 'calls')
    await writeFile(path, `#!/bin/sh\necho "$KUBECONFIG|$*" >> ${log}\necho ${cluster}\n`)
    await chmod(path, 0o755)
  }

  async function calls(): Promise<readonly { args: string; kubeconfig: string }[]> {
    const lines = (await readFile(join(directory, 'calls'), 'utf8')).trim().split('\n')
    return lines.map((line) => {
      const [kubeconfig = '', args = ''] = line.split('|')
      return { args, kubeconfig }
    })
  }
})

describe('the cluster configurations', () => {
  test('name the cluster that every later command names', async () => {
    const k3d: unknown = parse(await readFile(join(here, 'k3d.yaml'), 'utf8'))
    const kind: unknown = parse(await readFile(join(here, 'kind.yaml'), 'utf8'))
    expect(k3d).toMatchObject({ metadata: { name: 'guildhall' } })
    expect(kind).toMatchObject({ name: 'guildhall' })
    expect(k3dTool.remove).toContain('guildhall')
    expect(kindTool.remove).toContain('guildhall')
  })

  test('open the API server to this machine alone', async () => {
    const k3d: unknown = parse(await readFile(join(here, 'k3d.yaml'), 'utf8'))
    const kind: unknown = parse(await readFile(join(here, 'kind.yaml'), 'utf8'))
    expect(k3d).toMatchObject({ kubeAPI: { hostIP: '127.0.0.1' } })
    expect(kind).toMatchObject({ networking: { apiServerAddress: '127.0.0.1' } })
  })
})

describe('load', () => {
  test('hands k3d all archives at once and kind one after the other', () => {
    expect(k3dTool.load(['a.tar', 'b.tar'])).toEqual([
      ['image', 'import', '--cluster', 'guildhall', 'a.tar', 'b.tar'],
    ])
    expect(kindTool.load(['a.tar', 'b.tar'])).toEqual([
      ['load', 'image-archive', 'a.tar', '--name', 'guildhall'],
      ['load', 'image-archive', 'b.tar', '--name', 'guildhall'],
    ])
  })
})

const start = 'docker: Error response from daemon: failed to create shim task: OCI runtime create'

describe('judgeProbe', () => {
  test.each([
    {
      title: 'takes an engine that got as far as looking for the program (runc)',
      stderr: `${start} failed: exec: "/nothing": stat /nothing: no such file or directory: unknown.`,
      want: true,
    },
    {
      title: 'takes an engine that got as far as looking for the program (crun)',
      stderr:
        'Error: crun: executable file `/nothing` not found in $PATH: No such file or directory',
      want: true,
    },
    {
      title: 'refuses an engine that lacks a capability itself',
      stderr: `${start} failed: unable to apply caps: operation not permitted: unknown.`,
      want: false,
    },
    { title: 'refuses an engine that says nothing', stderr: '', want: false },
  ])('$title', ({ stderr, want }) => {
    expect(judgeProbe(stderr).usable).toBe(want)
  })
})
