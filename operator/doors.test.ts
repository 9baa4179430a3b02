import { expect, test } from 'vitest'
import { heldStatus, request, task } from '../test/objects.ts'
import type { AgentTask } from './api/agent-task.ts'
import type { World } from './controllers/world.ts'
import { Outcomes } from './controllers/agent/controller.ts'
import { doorsOf } from './doors.ts'
import { Lines } from './hub/lines.ts'
import type { KubeClient } from './kube/client.ts'
import type { Gateway } from './models/gateway.ts'
import { silentLogger } from './runtime/logger.ts'
import { VirtualClock } from '../test/virtual-clock.ts'

/** Doors over a cache that shows `cached` and waits for its own write of it while `state.behind`. */
function doors(cached: AgentTask) {
  const clock = new VirtualClock()
  const state = { behind: true }
  const world = {
    namespace: 'guildhall',
    clock,
    client: {} as KubeClient,
    requests: { get: () => request('hello') },
    tasks: { list: () => [cached], byIndex: () => [cached], isBehind: () => state.behind },
  } as unknown as World
  const parts = {
    gateway: {} as Gateway,
    lines: new Lines(clock),
    outcomes: new Outcomes(),
    profiles: [],
    forgeUrl: 'http://forge',
    serviceAccountName: 'guildhall-agent',
    log: silentLogger,
  }
  return { state, ...doorsOf(world, parts) }
}

const named = { task: 'a', uid: 'uid-a', attempt: 1 }

test('an agent that speaks of its assignment before the cache shows it holds it', () => {
  const door = doors(task('a'))
  expect(door.holds('p1', named)).toBe(false)
  door.dispatch(task('a', {}, heldStatus('p1')))
  expect(door.holds('p1', named)).toBe(true)
  expect(door.holds('p2', named)).toBe(false)
  expect(door.holds('p1', { ...named, attempt: 2 })).toBe(false)
  door.state.behind = false
  expect(door.holds('p1', named)).toBe(false)
})

test('an assignment that may be over already is not sent again until the cache has caught up', () => {
  const door = doors(task('a', {}, heldStatus('p1')))
  expect(door.assignmentsOf('p1')).toEqual([])
  door.state.behind = false
  expect(door.assignmentsOf('p1')).toMatchObject([{ task: 'a', attempt: 1 }])
})
