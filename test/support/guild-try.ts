// `guild try` for tests: the command, a model server that answers as the test says, and what both
// said.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, vi } from 'vitest'
import { z } from 'zod'
import { runGuild } from '../../cli/program.ts'
import { verdicts } from '../../core/api/agent-types.ts'
import { failureReasons } from '../../core/api/failures.ts'
import { gitAlone, type TestCheckout } from './checkout.ts'
import { type Answering, startScriptedOllama } from './scripted-model.ts'

const main = join(import.meta.dirname, '../../cli/main.ts')
export const patience = { timeout: 180_000 }

export const shown = z.strictObject({
  verdict: z.enum(verdicts),
  failure: z
    .strictObject({
      reason: z.enum(failureReasons),
      message: z.string().min(1),
      remedy: z.string().min(1),
    })
    .optional(),
  tries: z.array(
    z.strictObject({
      kind: z.enum(['fresh', 'repair']),
      accepted: z.boolean(),
      failures: z.array(z.string().min(1)),
    }),
  ),
  files: z.array(z.string()),
  evidence: z.array(
    z.strictObject({
      command: z.string(),
      exitCode: z.int(),
      passed: z.int(),
      failed: z.int(),
      unloaded: z.int().min(1).optional(),
      digest: z.string(),
    }),
  ),
  warnings: z.array(z.string()),
  diff: z.string(),
  tokens: z.int(),
})

interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs the command as a person does; `onText` hears what it says on stderr and may send it a
 * signal.
 */
export function run(
  args: readonly string[],
  {
    env = {},
    onText = () => undefined,
  }: {
    env?: Record<string, string>
    onText?: (text: string, kill: (name: NodeJS.Signals) => void) => void
  } = {},
): Promise<Run> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, 'try', ...args], {
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        NO_COLOR: '1',
        ...gitAlone,
        TMPDIR: tmpdir(),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => (stdout += String(chunk)))
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk)
      onText(stderr, (name) => child.kill(name))
    })
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** The same within this process, which saves seconds. */
async function runHere(args: readonly string[]): Promise<Run> {
  const said = { out: '', err: '' }
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => (said.out += String(text)) !== '')
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => (said.err += String(text)) !== '')
  try {
    const code = await runGuild(['node', 'guild', 'try', '--no-color', ...args])
    return { code, stdout: said.out, stderr: said.err }
  } finally {
    vi.restoreAllMocks()
  }
}

export const fenced = (path: string, text: string): string =>
  `${path}\n\`\`\`${path.endsWith('.py') ? 'python' : 'js'}\n${text}\`\`\`\n`
const head = "import { test } from 'node:test'\nimport assert from 'node:assert/strict'\n"
export const specText = `${head}import { slugify } from '../src/slug.js'
test('joins', () => { assert.equal(slugify('a b'), 'a-b') })
test('lowers', () => { assert.equal(slugify('A'), 'a') })
`
export const good =
  "export function slugify(text) {\n  return text.toLowerCase().replaceAll(' ', '-')\n}\n"
export const bad = 'export function slugify(text) {\n  return text\n}\n'
export const manifest = '{ "type": "module", "scripts": { "test": "node --test" } }\n'
const finding = '{"a_quote":"","b_issue":"","c_kind":"none","d_severity":"none"}'
export const request = "Add src/slug.js that exports slugify(text): slugify('A b') is 'a-b'."

/** Answers in turn to the questions for code; the rest of the chain gets what it needs. */
export function answers(...codes: readonly string[]): Answering {
  let asked = 0
  return (prompt) => {
    if (/Purpose: spec\./.test(prompt)) return fenced('test/slug.test.js', specText)
    if (/Purpose: review\./.test(prompt)) return finding
    if (/Purpose: document\./.test(prompt)) return fenced('README.md', 'It makes a slug.\n')
    return codes[Math.min(asked++, codes.length - 1)] ?? ''
  }
}

/**
 * The output of git in the checkout about every file that is in no commit, except `besides`. The
 * index stays as it is.
 */
export function diffIn(checkout: TestCheckout, ...besides: readonly string[]): string {
  const index = join(checkout.root, '.git/index')
  const before = readFileSync(index)
  const others = besides.map((path) => `:(exclude)${path}`)
  checkout.git('add', '--all', '--', '.', ...others)
  const diff = checkout.git('diff', '--cached', '--', '.', ...others)
  writeFileSync(index, before)
  return diff
}

export const coding = (test: string): readonly string[] => [
  '--goal',
  'Make the tests pass.',
  '--files',
  'src/slug.js',
  '--type',
  'coding',
  '--test',
  test,
]

export async function tried(
  checkout: TestCheckout,
  answering: Answering,
  args: readonly string[],
  more?: Parameters<typeof run>[1],
) {
  await using ollama = await startScriptedOllama(answering)
  const server = ['--ollama', ollama.endpoint, '--model', ollama.model, '--sandbox', 'process']
  const all = ['--repo', checkout.root, ...server, '--json', ...args]
  const ended = more === undefined ? await runHere(all) : await run(all, more)
  const result = ended.stdout === '' ? undefined : shown.parse(JSON.parse(ended.stdout))
  return { ...ended, result, asked: [...ollama.asked] }
}

/**
 * Keeps the machine's own git settings out of the tests of a file, and what they leave in a folder
 * that is removed.
 */
export function aloneWithGit(): void {
  beforeAll(() => {
    for (const [name, value] of Object.entries(gitAlone)) vi.stubEnv(name, value)
    vi.stubEnv('TMPDIR', realpathSync(mkdtempSync(join(tmpdir(), 'guild-tests-'))))
  })
  afterAll(() => {
    rmSync(tmpdir(), { recursive: true, force: true })
    vi.unstubAllEnvs()
  })
}
