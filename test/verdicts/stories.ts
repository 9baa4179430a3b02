// Stories from tables: the files of the project, the answers of the model, and the wanted outcome.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { standingVerdicts, verdicts } from '../../core/api/agent-types.ts'
import { startPod, type TestPod } from '../support/agent/processes.ts'
import type { RunnerLimits } from '../../agent-image/agent/verify/runner.ts'
import { fenced, type Step, tell, type Told, token } from './chain.ts'
import { entry, type Entries } from './entries.ts'

const steps = ['branch', 'spec', 'code', 'verify', 'finish'] as const satisfies readonly Step[]
const files = z.union([z.string(), z.record(z.string(), z.string())])

const story = z.strictObject({
  /** What kind of answer it is; the name of the story. */
  kind: z.string(),
  /** The unit's file; `files` when there are more. */
  file: z.string(),
  files: z.array(z.string()).optional(),
  goal: z.string().default('A function slugify(text) that makes a slug of a title.'),
  /** What the repository holds besides a manifest. */
  project: z.record(z.string(), entry).default({}),
  /**
   * The test file, without the imports that every one begins with; or the whole answer, as it is.
   */
  spec: z.string().optional(),
  rawSpec: z.string().optional(),
  /** The code; or the whole answer, as it is. */
  code: files.optional(),
  rawCode: z.string().optional(),
  steps: z.array(z.enum(steps)).default(['spec', 'code', 'verify', 'finish']),
  /** How the lines of the model's answers end. */
  lineEnd: z.enum(['lf', 'crlf']).default('lf'),
  /** Rows of data on one line, in the place of ROWS. */
  longLine: z.int().default(0),
  /** Short limits, for what never ends. */
  quick: z.boolean().default(false),
  verdict: z.enum(verdicts).default('ChecksFailed'),
  /** The last step, where only one step can decide. */
  ends: z.enum(steps).optional(),
  /** A pattern for the sentence that the person reads. */
  says: z.string().default('.'),
})
type TableStory = z.infer<typeof story>

/** The stories of a table in test/fixtures/verdicts. */
export function storiesOf(table: string): readonly TableStory[] {
  const path = new URL(`../fixtures/verdicts/${table}.yaml`, import.meta.url)
  return z.array(story).parse(parse(readFileSync(path, 'utf8')))
}

interface Ending {
  readonly told: Told
  /** The last step that was taken. */
  readonly ends: Step | undefined
  /** All that the person reads about the last step. */
  readonly words: string
}

const headers = {
  node: "import { test } from 'node:test'\nimport assert from 'node:assert/strict'\n",
  python: 'import unittest\n',
}
const quickLimits: RunnerLimits = {
  testMs: 2000,
  silenceMs: 3000,
  fileMs: 8000,
  commandMs: 30_000,
  loadMs: 3000,
}

/** Tells a story of a table. */
export async function tellStory(
  one: TableStory,
  pod: TestPod,
  options: { readonly signal: AbortSignal },
): Promise<Ending> {
  const python = one.file.endsWith('.py')
  const stem = basename(one.file).replace(/\.\w+$/, '')
  const unit = stem.toLowerCase()
  const spec = python
    ? `tests/test_${unit}.py`
    : `test/${unit}.test.${one.file.endsWith('.ts') ? 'ts' : 'js'}`
  const manifest: Entries = python
    ? { 'pyproject.toml': '' }
    : { 'package.json': '{"type":"module"}' }
  const answer =
    one.rawSpec ?? fenced({ [spec]: `${python ? headers.python : headers.node}${one.spec ?? ''}` })
  const code = typeof one.code === 'string' ? { [one.file]: one.code } : (one.code ?? {})
  const told = await tell(
    {
      entries: { ...manifest, ...one.project },
      files: one.files ?? [one.file],
      unit,
      goal: one.goal,
      doneWhen: one.goal,
      answers: { spec: [ended(one, answer)], code: [ended(one, one.rawCode ?? fenced(code))] },
      steps: one.steps,
      ...(one.quick ? { limits: quickLimits } : {}),
    },
    pod,
    options,
  )
  told.forge.close()
  const [ends, outcome] = [...told.outcomes].at(-1) ?? []
  const words = [outcome?.summary, outcome?.failure?.message, ...(outcome?.notes ?? [])]
  return { told, ends, words: words.filter((part) => part !== undefined).join('\n') }
}

function ended({ lineEnd, longLine }: TableStory, answer: string): string {
  const row = (id: number): string => `{ id: ${id}, link: "https://example.org/${id}/..." }`
  const rows = Array.from({ length: longLine }, (_, index) => row(index)).join(', ')
  const text = longLine === 0 ? answer : answer.replace('ROWS', () => rows)
  return lineEnd === 'crlf' ? text.replaceAll('\n', '\r\n') : text
}

/** A verdict of success, which no wrong work may get. */
export function isSuccess({ told }: Ending): boolean {
  return standingVerdicts.has(told.verdict) && told.verdict !== 'Unchecked'
}

/**
 * Starts two Pods for a file of tests, one for each core of a small machine; gives what lends one
 * of them.
 */
export function usePods(): <Value>(use: (pod: TestPod) => Promise<Value>) => Promise<Value> {
  const pods: TestPod[] = []
  const free: TestPod[] = []
  const waiting: ((pod: TestPod) => void)[] = []
  beforeAll(async () => {
    pods.push(...(await Promise.all([startPod(token), startPod(token)])))
    free.push(...pods)
  })
  afterAll(async () => {
    await Promise.all(pods.map((pod) => pod.close()))
  })
  return async (use) => {
    const pod = free.pop() ?? (await new Promise<TestPod>((resolve) => waiting.push(resolve)))
    try {
      return await use(pod)
    } finally {
      const next = waiting.shift()
      if (next === undefined) free.push(pod)
      else next(pod)
    }
  }
}
