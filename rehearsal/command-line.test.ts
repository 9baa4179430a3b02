import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { readCommandLine, usage } from './command-line.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rehearsal-'))
  await mkdir(join(folder, 'scripts'))
})
afterAll(async () => {
  await rm(folder, { recursive: true })
})

const read = (args: readonly string[], environment: Record<string, string> = {}) =>
  readCommandLine(args, environment, folder)

describe('the command line', () => {
  test('serves the scripts beside the program when it says nothing', () => {
    expect(read([])).toEqual({
      do: 'serve',
      settings: {
        port: 11434,
        scripts: join(folder, 'scripts'),
        rate: 60,
        parallel: 2,
        contextTokens: 32_768,
        loadMs: 0,
        holds: new Map(),
        pullable: new Map(),
        pullRate: 20_000_000,
      },
    })
  })

  test('goes before the environment', () => {
    const environment = {
      PORT: '1',
      REHEARSAL_RATE: '2',
      REHEARSAL_LOAD_MS: '3',
      REHEARSAL_HOLDS: 'a:1b, b',
      REHEARSAL_PULLABLE: 'c=5',
    }
    const said = ['--rate', '9', '--pullable', 'd:7b=7', '--pullable', 'e=8', '--holds', 'f=6']
    expect(read([], environment)).toMatchObject({
      settings: {
        port: 1,
        rate: 2,
        loadMs: 3,
        holds: new Map([
          ['a:1b', 0],
          ['b', 0],
        ]),
        pullable: new Map([['c', 5]]),
      },
    })
    expect(read(said, environment)).toMatchObject({
      settings: {
        port: 1,
        rate: 9,
        holds: new Map([['f', 6]]),
        pullable: new Map([
          ['d:7b', 7],
          ['e', 8],
        ]),
      },
    })
  })

  test.each([
    [['--port', 'x'], '--port "x" must be a number'],
    [['--parallel', '0'], '--parallel "0" must be a number of at least 1'],
    [['--scripts', '/nowhere'], 'there are no scripts at /nowhere; name their folder'],
    [['--pullable', 'a:7b'], 'say its size in bytes, for example a:7b=4700000000'],
    [['--pullable', 'a b=1'], '"a b" is not the name of a model'],
    [['--bogus'], 'there is no option --bogus'],
  ])('%j is refused with a sentence', (args, want) => {
    expect(() => read(args)).toThrow(want)
  })

  test('explains every option', () => {
    expect(read(['--help'])).toEqual({ do: 'help' })
    const { settings } = z.object({ settings: z.object({}).loose() }).parse(read([]))
    const figures = usage.match(/^ {2}--/gm)
    // One for each setting, and --check and --help.
    expect(figures).toHaveLength(Object.keys(settings).length + 2)
  })
})

describe('the program', () => {
  const run = async (...args: readonly string[]) => {
    const main = join(import.meta.dirname, 'main.ts')
    const started = promisify(execFile)(process.execPath, [main, ...args], {
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    return await started.then(
      ({ stdout }) => ({ code: 0, said: stdout }),
      (error: { readonly code: number; readonly stderr: string }) => ({
        code: error.code,
        said: error.stderr,
      }),
    )
  }

  test('checks the scripts that it brings along', async () => {
    expect(await run('--check')).toEqual({ code: 0, said: expect.stringContaining('all fine') })
  })

  test('says what is wrong with a script, without a stack, and fails', async () => {
    await writeFile(
      join(folder, 'scripts/bad.yaml'),
      'about: x\nrules: [{when: {request: x}, answer: y}, {when: {request: "("}, answer: y}]',
    )
    const { code, said } = await run('--check', '--scripts', join(folder, 'scripts'))
    expect(code).toBe(1)
    expect(said).toMatch(
      /^bad\.yaml is not a script: rule 2, when\.request: is not a regular expression.*\n$/,
    )
  })
})
