import { expect, test } from 'vitest'
import { combinePulls, combineViews } from './connected.ts'
import type { ServerView, PullState } from './fleet.ts'

const held: ServerView = { kind: 'reachable', held: { digest: 'd', sizeBytes: 1 } }
const empty: ServerView = { kind: 'reachable', held: undefined }
const away: ServerView = { kind: 'unreachable', message: 'gone' }

test.each<[string, readonly ServerView[], ServerView]>([
  ['all hold it', [held, held], held],
  ['one lacks it', [empty, held], { ...held, lacking: 1 }],
  ['all lack it', [empty, empty], empty],
  ['one lacks it and one is away', [away, empty, held, empty], { ...held, lacking: 2 }],
  ['one is away and the other holds it', [away, held], held],
  ['one is away and the other lacks it', [away, empty], empty],
  ['all are away', [away, away], away],
])('%s', (_, views, want) => {
  expect(combineViews(views)).toEqual(want)
})

const running = (percent: number): PullState => ({ kind: 'running', percent, status: '' })
const failed: PullState = { kind: 'failed', message: 'no room', mayTry: false }

test.each<[string, readonly (PullState | undefined)[], PullState | undefined]>([
  ['nothing was begun', [undefined, undefined], undefined],
  ['the slowest counts', [running(70), running(20), undefined], running(20)],
  ['what runs goes before what failed', [failed, running(5)], running(5)],
  ['one failed', [undefined, failed], failed],
])('of transfers: %s', (_, states, want) => {
  expect(combinePulls(states)).toEqual(want)
})
