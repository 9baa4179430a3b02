// Kind: a mistake on the command line of any program of ours ends with a sentence that names the
// word, with the usage and exit code 2, and nothing is begun.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { UsageError, readArguments } from './command-line.ts'

const options = {
  seeds: { type: 'string', short: 's' },
  fast: { type: 'boolean' },
} as const

test.each([
  [['--fsat'], 'there is no option --fsat'],
  [['-x'], 'there is no option -x'],
  [['--fast=1'], '--fast takes no value'],
  [['--seeds'], '--seeds needs a value'],
  [['--seeds', '--fast'], '--seeds needs a value'],
  [['more'], 'there is no argument more'],
])('%j', (args, want) => {
  expect(() => readArguments({ args, options })).toThrow(new UsageError(want))
})

test('what can be understood is read as Node reads it', () => {
  const read = readArguments({ args: ['-s', '3', 'a'], options, allowPositionals: true })
  expect(read.values).toEqual({ seeds: '3' })
  expect(read.positionals).toEqual(['a'])
})

const root = join(import.meta.dirname, '../..')
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>
}
/** The scripts of package.json that start a program of ours, and the rehearsal model. */
const programs = [
  ...Object.values(scripts).flatMap(
    (script) => /^node hack\/run\.mjs (\S+)$/.exec(script)?.[1] ?? [],
  ),
  'rehearsal/main.ts',
]

test('the scripts are found', () => {
  expect(programs).toContain('hack/verify.ts')
  expect(programs.length).toBeGreaterThan(8)
})

async function run(program: string, ...args: readonly string[]) {
  return new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    const child = execFile(process.execPath, [join(root, program), ...args], (_, out, err) =>
      resolve({ code: child.exitCode, out, err }),
    )
  })
}

test.each(programs)(
  '%s does not pass over an option that it does not know',
  async (program) => {
    for (const bad of ['--bogus', '--fsat=1']) {
      const { code, out, err } = await run(program, bad)
      expect(err).toMatch(/no option --|unknown option '--/)
      expect(err).toMatch(/usage: |Usage: |--help/)
      expect(err).not.toMatch(/\n\s+at .*:\d+|node:internal|ERR_/)
      expect([code, out]).toEqual([2, ''])
    }
    expect((await run(program, '--help')).code).toBe(0)
  },
  60_000,
)

test.each([
  ['hack/test.ts', ['--whole', '--fast'], /--fast leaves tests out and --whole leaves out none/],
  ['hack/test.ts', ['--fast', 'unit'], /--fast names its lanes itself/],
  ['hack/test.ts', ['unti'], /there is no lane unti/],
  ['test/simulation/main.ts', ['--bugs', '--exhaustive'], /give only one of --exhaustive/],
  ['test/simulation/main.ts', ['--story', 'README.md'], /README\.md is no JSON/],
  ['hack/cluster/main.ts', ['up', '--provider', 'x'], /Allowed choices are k3d/],
  ['hack/cluster/main.ts', ['load', '/nope.tar'], /\/nope\.tar does not exist/],
  ['hack/images/main.ts', ['build', 'x'], /Allowed choices are operator/],
  ['test/bench/main.ts', ['report', '/nope.json'], /\/nope\.json cannot be read/],
  ['test/bench/main.ts', ['report', 'package.json'], /package\.json holds no results/],
  ['rehearsal/main.ts', ['--rate', 'x'], /--rate "x" must be a number/],
])(
  '%s %j is a mistake of usage',
  async (program, args, want) => {
    const { code, err } = await run(program, ...args)
    expect(err).toMatch(want)
    expect(err).not.toMatch(/\n\s+at .*:\d+|node:internal/)
    expect(code).toBe(2)
  },
  60_000,
)

test.each([
  ['test', 'npm_config_fast', 'npm test -- --fast …'],
  ['gen', 'npm_config_check', 'npm run -s gen -- --check …'],
  ['guild', 'npm_config_repo', 'npm run -s guild -- --repo …'],
  ['demo', 'npm_config_keep', 'npm run -s demo -- --keep …'],
])(
  '%s: an option that npm took for its own is not left out in silence',
  async (name, variable, want) => {
    const child = { ...process.env, npm_lifecycle_event: name, [variable]: 'true' }
    const { code, err } = await new Promise<{ code: unknown; err: string }>((resolve) => {
      const args = [join(root, 'hack/run.mjs'), 'hack/verify.ts', '--bogus']
      execFile(process.execPath, args, { env: child }, (error, _, text) =>
        resolve({ code: error?.code, err: text }),
      )
    })
    expect(code).toBe(2)
    expect(err).toContain(want)
  },
)
