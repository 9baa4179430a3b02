import { describe, expect, test } from 'vitest'
import type { Report } from '../../core/api/agent-protocol.ts'
import { assignmentFor } from '../../test/support/agent/assignment.ts'
import { type AgentEvent, type LifeState, step } from './life-cycle.ts'

const forge = { url: 'http://f', repository: 'app', base: '0'.repeat(40) }
const assignment = assignmentFor(forge, 'code')
const other = assignmentFor(forge, 'code', { task: 'req-code-other' })
const { task, uid } = assignment
const holding = { task, uid, attempt: 1 }
const report: Report = {
  task,
  uid,
  attempt: 1,
  verdict: 'Done',
  summary: 's',
  files: [],
  evidence: [],
  tries: 1,
  durationSeconds: 1,
  notes: [],
}
const idle: LifeState = { phase: 'idle', last: undefined }
const reported: LifeState = { phase: 'idle', last: report }
const working: LifeState = { phase: 'working', holding }
const draining: LifeState = { phase: 'draining', holding }

describe('the agent’s life', () => {
  test.each<[string, LifeState, AgentEvent, string, string[]]>([
    [
      'a welcome makes it idle',
      { phase: 'connecting', last: undefined },
      { kind: 'welcomed' },
      'idle',
      [],
    ],
    ['a second welcome does not disturb work', working, { kind: 'welcomed' }, 'working', []],
    ['an assignment starts work', idle, { kind: 'assigned', assignment }, 'working', ['start']],
    [
      'the same assignment again is no second start',
      working,
      { kind: 'assigned', assignment },
      'working',
      [],
    ],
    [
      'another assignment while working waits for the hub to notice',
      working,
      { kind: 'assigned', assignment: other },
      'working',
      [],
    ],
    [
      'an assignment that was reported is reported again',
      reported,
      { kind: 'assigned', assignment },
      'idle',
      ['report'],
    ],
    [
      'a new attempt of a reported task is work',
      reported,
      { kind: 'assigned', assignment: { ...assignment, attempt: 2 } },
      'working',
      ['start'],
    ],
    [
      'a cancellation stops the work',
      working,
      { kind: 'cancelled', ...holding },
      'working',
      ['abandon'],
    ],
    [
      'a cancellation of another attempt does not',
      working,
      { kind: 'cancelled', task, uid, attempt: 2 },
      'working',
      [],
    ],
    [
      'a cancellation of a task of the same name before does not',
      working,
      { kind: 'cancelled', task, uid: 'an older one', attempt: 1 },
      'working',
      [],
    ],
    ['work that ended makes it idle', working, { kind: 'finished', report }, 'idle', []],
    ['an idle agent that is drained stops', idle, { kind: 'drained' }, 'stopped', ['exit']],
    [
      'a working agent that is drained finishes first',
      working,
      { kind: 'drained' },
      'draining',
      [],
    ],
    ['and stops then', draining, { kind: 'finished', report }, 'stopped', ['exit']],
    [
      'a draining agent takes nothing new',
      draining,
      { kind: 'assigned', assignment: other },
      'draining',
      [],
    ],
    [
      'a terminated agent gives up its work',
      working,
      { kind: 'terminated' },
      'stopped',
      ['abandon', 'exit'],
    ],
    [
      'a stopped agent does nothing more',
      { phase: 'stopped' },
      { kind: 'assigned', assignment },
      'stopped',
      [],
    ],
  ])('%s', (_what, state, event, wantPhase, wantEffects) => {
    const next = step(state, event)
    expect(next.state.phase).toBe(wantPhase)
    expect(next.effects.map((effect) => effect.do)).toEqual(wantEffects)
  })
})
