// Repositories of all shapes go through branch, spec, code and verify with right answers of a
// model: what differs is the harness. Each has one wanted outcome, and nothing of the person's is
// touched.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isTestPath } from '../../core/api/test-paths.ts'
import { startPod, type TestPod } from '../support/agent/processes.ts'
import type { TestForge } from '../support/agent/repository.ts'
import { tell, token, type Told } from './chain.ts'
import { entry, type Entries } from './entries.ts'
import { todaysShare } from '../../hack/lanes/lanes.ts'
import { entriesOf, readShapes, storyOf, type Request, type Shape } from './shapes.ts'

// A sandbox serves one command at a time, so that there are as many shapes at work as sandboxes.
const podCount = 3
const pods: TestPod[] = []
const idle: TestPod[] = []
const waiting: ((pod: TestPod) => void)[] = []
const shapes = readShapes()
let run = 0
let asWanted = 0

beforeAll(async () => {
  for (let count = 0; count < podCount; count++) pods.push(await startPod(token))
  idle.push(...pods)
})
afterAll(async () => {
  await Promise.all(pods.map((pod) => pod.close()))
  process.stdout.write(`shapes: ${asWanted} of ${run} as wanted\n`)
})

async function withPod<T>(act: (pod: TestPod) => Promise<T>): Promise<T> {
  const pod =
    idle.pop() ??
    (await new Promise<TestPod>((resolve) => {
      waiting.push(resolve)
    }))
  try {
    return await act(pod)
  } finally {
    const next = waiting.shift()
    if (next === undefined) idle.push(pod)
    else next(pod)
  }
}

describe.concurrent('a repository', () => {
  test.each(todaysShare('shapes', shapes, 'verdicts').map((shape) => [shape.name, shape] as const))(
    '%s',
    { timeout: 900_000 },
    async (_name, shape) => {
      run++
      await withPod((pod) => goThrough(shape, pod))
      asWanted++
    },
  )
})

test('is of one of at least 80 shapes, no two of one name', () => {
  expect(shapes.length).toBeGreaterThanOrEqual(80)
  expect(new Set(shapes.map(({ name }) => name)).size).toBe(shapes.length)
})

async function goThrough(shape: Shape, pod: TestPod): Promise<void> {
  const entries = entriesOf(shape)
  const after = await check(shape, entries, pod, shape.steps)
  if (shape.next !== undefined) await check(shape.next, after, pod)
}

/**
 * Tells the story of one request and compares it with the wanted outcome. Returns the files of its
 * branch.
 */
async function check(
  asked: Request,
  entries: Entries,
  pod: TestPod,
  steps?: Shape['steps'],
): Promise<Entries> {
  const told = await tell(storyOf(asked, entries, steps), pod, {
    signal: AbortSignal.timeout(800_000),
  })
  try {
    const words = wordsOf(told)
    expect(told.verdict, words).toBe(asked.wanted)
    for (const part of asked.says) expect(words).toContain(part)
    checkBranch(asked, entries, told)
    // Right answers are taken the first time.
    if (told.outcomes.has('spec') && asked.wanted === 'Done')
      expect(told.asked.get('spec'), words).toBe(1)
    if (told.outcomes.has('code') && asked.wanted !== 'Refused')
      expect(told.asked.get('code'), words).toBe(
        asked.files.filter((path) => !isTestPath(path)).length,
      )
    checkPersonsFiles(asked, told.forge)
    return entriesAt(told.forge)
  } finally {
    told.forge.close()
  }
}

/** All sentences that people read. */
function wordsOf({ outcomes }: Told): string {
  return [...outcomes]
    .map(([step, { verdict, summary, notes = [], failure }]) =>
      [`${step}: ${verdict}`, summary, ...notes, failure?.message ?? ''].join('\n'),
    )
    .join('\n')
}

/**
 * The person's own tests are run as they are, and what could not be judged is said at once, no more
 * and no less.
 */
function checkBranch(asked: Request, entries: Entries, { outcomes }: Told): void {
  const branch = outcomes.get('branch')
  const words = [branch?.summary ?? '', ...(branch?.notes ?? [])].join('\n')
  for (const part of asked.branch) expect(words).toContain(part)
  if (asked.branch.length === 0) expect(words).not.toMatch(/could not be run|cannot be trusted/)
  const failing = (branch?.notes ?? []).flatMap((note) => {
    const [, id] = note.split('fails before the change: ')
    return id === undefined ? [] : [id]
  })
  expect(failing).toEqual(asked.fails)
  const passed = branch?.evidence?.[0]?.passed ?? 0
  if (asked.passes !== undefined) expect(passed, words).toBe(asked.passes)
  else if (asked.branch.length + asked.fails.length === 0 && hasTests(entries))
    expect(passed, words).toBeGreaterThan(0)
}

function hasTests(entries: Entries): boolean {
  return Object.keys(entries).some((path) => isTestPath(path) && /\.([cm]?[jt]s|py)$/.test(path))
}

/**
 * What is not of the unit is byte for byte as it was; files of the unit keep their form. New are
 * the unit's files and its spec.
 */
function checkPersonsFiles({ files, wanted }: Request, forge: TestForge): void {
  const before = listing(forge, forge.base)
  const after = listing(forge, 'guild/req')
  for (const [path, { mode, oid }] of before) {
    const now = after.get(path)
    expect([path, now?.mode]).toEqual([path, mode])
    if (!files.includes(path) || isTestPath(path) || wanted === 'Refused')
      expect([path, now?.oid]).toEqual([path, oid])
    else
      checkForm(
        path,
        forge.git('cat-file', 'blob', oid),
        forge.git('cat-file', 'blob', now?.oid ?? ''),
      )
  }
  const added = [...after.keys()].filter((path) => !before.has(path))
  const specs = added.filter((path) => !files.includes(path))
  expect(specs.length, specs.join(', ')).toBeLessThanOrEqual(1)
  expect(specs.filter((path) => !isTestPath(path))).toEqual([])
}

function checkForm(path: string, before: string, after: string): void {
  const form = (text: string) => ({
    path,
    mark: text.startsWith('\uFEFF'),
    returns: /^[^\n]*\r\n/.test(text),
    ended: text === '' || text.endsWith('\n'),
    mixed: /\r\n/.test(text) && /[^\r]\n/.test(text),
  })
  if (before !== '') expect(form(after)).toEqual(form(before))
}

function listing(forge: TestForge, commit: string) {
  const lines = forge.git('ls-tree', '-r', '-z', commit).split('\0').filter(Boolean)
  return new Map(
    lines.map((line) => {
      const [info = '', path = ''] = line.split('\t')
      const [mode = '', , oid = ''] = info.split(' ')
      return [path, { mode, oid }] as const
    }),
  )
}

/** What the request's branch holds, as entries of a new repository. */
function entriesAt(forge: TestForge): Entries {
  return Object.fromEntries(
    [...listing(forge, 'guild/req')].map(([path, { mode, oid }]) => {
      if (mode === '160000') return [path, entry.parse({ submodule: oid })]
      const text = forge.git('cat-file', 'blob', oid)
      if (mode === '120000') return [path, entry.parse({ link: text })]
      return [path, mode === '100755' ? entry.parse({ text, executable: true }) : text]
    }),
  )
}
