import { expect, test } from 'vitest'
import { heldStatus, now, task } from '../../../test/support/objects.ts'
import { isTrue } from '../../../core/api/condition-list.ts'
import { failureRemedies } from '../../../core/api/failures.ts'
import type { AgentTask } from '../../../core/api/agent-task.ts'
import type { Integrate, IntegrateResult } from '../../../core/api/forge-protocol.ts'
import { ForgeError } from '../../forge/client.ts'
import { WaitError } from '../../../core/kube/runtime/controller.ts'
import { mergeResult } from './merge.ts'

const { signal } = new AbortController()
const commit = 'a'.repeat(40)
const clock = { now: () => now }

/** A task whose report was accepted; the report says that it changed `said`. */
function merging(spec: Partial<AgentTask['spec']> = {}, said: readonly string[] = []): AgentTask {
  const result = {
    verdict: 'Done' as const,
    summary: '',
    commit,
    files: [...said],
    evidence: [],
    tries: 1,
    tokens: 0,
    durationSeconds: 1,
    notes: [],
    model: 'm',
  }
  return task('a', spec, { ...heldStatus('p1'), result })
}

/** A forge that gives this answer, with the questions that it got. */
function forge(answer: IntegrateResult | ForgeError) {
  const asked: Integrate[] = []
  const integrate = async (_name: string, body: Integrate): Promise<IntegrateResult> => {
    asked.push(body)
    if (answer instanceof ForgeError) throw answer
    return answer
  }
  return { asked, integrate }
}

test('the forge is told what the task may change, and not what its agent says it changed', async () => {
  const files = ['src/a.js', 'src/b.js']
  for (const action of ['code', 'spec', 'fix', 'document'] as const) {
    const one = forge({ outcome: 'merged', commit })
    await mergeResult(clock, one, merging({ action, files }, ['.github/x.yml']), { signal })
    expect(one.asked[0]?.task).toEqual({ action, files })
    expect(JSON.stringify(one.asked)).not.toContain('x.yml')
  }
})

test('a refused commit ends the attempt as ScopeViolated, with the sentence that names the path', async () => {
  const message = '.env is not among the files of the task: src/a.js.'
  const held = merging()
  const after = await mergeResult(clock, forge({ outcome: 'refused', message }), held, { signal })
  expect(after.status.failure).toEqual({
    reason: 'ScopeViolated',
    message: `the forge did not merge the commit: ${message}`,
    remedy: failureRemedies.ScopeViolated,
  })
  expect(after.status.history?.at(-1)?.failure?.reason).toBe('ScopeViolated')
  expect(after.status.result).toBeUndefined()
  expect(isTrue({ ...held, status: after.status }, 'Succeeded')).toBe(false)
})

test.for<readonly [IntegrateResult, string | undefined]>([
  [{ outcome: 'merged', commit }, undefined],
  [{ outcome: 'contained', commit }, undefined],
  [{ outcome: 'conflict', files: ['a.js', 'b.js'] }, 'Conflict'],
  [{ outcome: 'refused', message: 'x is a symbolic link.' }, 'ScopeViolated'],
])('%j ends the task or its attempt: %s', async ([answer, want]) => {
  const after = await mergeResult(clock, forge(answer), merging(), { signal })
  expect(after.status.failure?.reason).toBe(want)
  expect(after.status.result?.merged).toBe(want === undefined ? commit : undefined)
})

test.for([
  ['BranchMoved', 'PushRejected'],
  ['NotFound', 'PushRejected'],
  ['BadRequest', 'InternalError'],
] as const)('%s is not asked again: %s', async ([code, want]) => {
  const refusing = forge(new ForgeError(code, 'x'))
  const after = await mergeResult(clock, refusing, merging(), { signal })
  expect(after.status.failure?.reason).toBe(want)
})

test.for(['Unreachable', 'DiskFull', 'Internal'] as const)('%s is waited out', async (code) => {
  const away = forge(new ForgeError(code, 'x'))
  await expect(mergeResult(clock, away, merging(), { signal })).rejects.toThrow(WaitError)
})
