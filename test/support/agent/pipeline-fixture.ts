// Runs one pipeline on a real repository with a real sandbox process and a scripted model.
import { afterAll, afterEach, beforeAll } from 'vitest'
import type { Assignment } from '../../../core/api/agent-protocol.ts'
import type { Action } from '../../../core/api/agent-types.ts'
import { trailers } from '../../../core/api/names.ts'
import type { Pipeline } from '../../../agent-image/agent/pipelines/pipeline.ts'
import { connectSandbox } from '../../../agent-image/agent/sandbox-client.ts'
import { runnerFor } from '../../../agent-image/agent/verify/runner.ts'
import { openWorkspace, type Workspace } from '../../../agent-image/agent/workspace/workspace.ts'
import { assignmentFor } from './assignment.ts'
import { programs, startPod, type TestPod } from './processes.ts'
import { startForge, type TestForge } from './repository.ts'
import { type ScriptedAnswer, scriptedModel } from './scripted-hub.ts'

const token = 'sesame'
const signal = AbortSignal.timeout(600_000)
export const head = "import { test } from 'node:test'\nimport assert from 'node:assert/strict'\n"
export const specText = `${head}import { slugify } from '../src/slug.js'
test('joins', () => { assert.equal(slugify('a b'), 'a-b') })
test('lowers', () => { assert.equal(slugify('A'), 'a') })
`
export const goodCode =
  "export function slugify(text) {\n  return text.toLowerCase().replaceAll(' ', '-')\n}\n"
export const fenced = (path: string, text: string): string => `${path}\n\`\`\`js\n${text}\`\`\`\n`

/** Made again for each file of tests, and for each run of a pipeline. */
export let pod: TestPod
export let forge: TestForge
const opened: Workspace[] = []
const forges: TestForge[] = []
beforeAll(async () => {
  pod = await startPod(token)
}, 30_000)
afterAll(() => pod.close())
afterEach(async () => {
  for (const workspace of opened.splice(0)) await workspace.close()
  for (const one of forges.splice(0)) one.close()
})

/**
 * Runs a pipeline on a repository whose request branch holds `spec`, committed as a spec task of
 * the request does, and `later` on top of `files`.
 */
export async function runPipeline(
  pipeline: Pipeline,
  action: Action,
  files: Readonly<Record<string, string>>,
  answers: readonly ScriptedAnswer[],
  options: {
    spec?: Readonly<Record<string, string>>
    later?: Readonly<Record<string, string>>
    overrides?: Partial<Assignment>
    /** Those of `files` that a person named as what decides about the unit. */
    named?: readonly string[]
  } = {},
) {
  forge = await startForge({ 'package.json': '{"type":"module"}', ...files }, token)
  forges.push(forge)
  const sandbox = connectSandbox(pod.socketPath)
  const settings = {
    workspace: pod.workspace,
    gitRoot: pod.gitRoot,
    token: () => Promise.resolve(token),
    protocols: ['http'],
  }
  const open = async (overrides: Partial<Assignment>): Promise<Workspace> => {
    const workspace = await openWorkspace(
      assignmentFor(forge, action, overrides),
      settings,
      sandbox,
      { signal },
    )
    opened.push(workspace)
    return workspace
  }
  for (const [task, added] of [
    ['req-spec-slug', options.spec],
    ['req-code-slug', options.later],
  ] as const) {
    if (added === undefined) continue
    const before = await open({ task, taskBranch: `setup/${task}` })
    const message = `Set up\n\n${trailers.task}: ${task}\n`
    const commit = await before.commit(new Map(Object.entries(added)), message, { signal })
    await before.push(commit, { signal })
    forge.integrate(commit)
  }
  const { named } = options
  const specs = named?.map((path) => ({ unit: 'slug', path, commit: forge.base }))
  const overrides = { ...options.overrides, ...(specs === undefined ? {} : { specs }) }
  const assignment = assignmentFor(forge, action, overrides)
  const workspace = await open(overrides)
  const model = scriptedModel(answers)
  const activities: string[] = []
  const outcome = await pipeline({
    assignment,
    agent: 'otto',
    workspace,
    runner: runnerFor(workspace, sandbox, programs),
    model,
    activity: (text) => activities.push(text),
    signal,
  })
  return { outcome, model, activities }
}

/** The tests of the unit, as a spec task wrote them. */
export const slugSpec = { 'test/slug.test.js': specText }
