import { expect, test } from 'vitest'
import { findStrays, type ProcessEntry, type StrayRule } from './process-table.ts'

const entry = (pid: number, more: Partial<ProcessEntry> = {}): ProcessEntry => ({
  pid,
  parent: 1,
  group: pid,
  session: pid,
  uid: 10002,
  gone: false,
  marked: false,
  ...more,
})
const rule: StrayRule = { self: 10, group: 20, ownsNamespace: false, uid: 10002 }

test.each<[string, ProcessEntry[], Partial<StrayRule>, number[]]>([
  ['a stranger of the same user', [entry(30)], {}, []],
  ['a process of the command’s group', [entry(30, { group: 20 })], {}, [30]],
  [
    'a process of the command’s session with a group of its own',
    [entry(30, { session: 20 })],
    {},
    [30],
  ],
  ['a process that ran away but carries the marker', [entry(30, { marked: true })], {}, [30]],
  ['a child of ours that cleared its environment', [entry(30, { parent: 10 })], {}, [30]],
  [
    'a grandchild of a marked process',
    [entry(32, { parent: 31 }), entry(31, { parent: 30 }), entry(30, { marked: true })],
    {},
    [30, 31, 32],
  ],
  ['ourselves, though in the group', [entry(10, { group: 20 })], {}, []],
  ['a zombie', [entry(30, { group: 20, gone: true })], {}, []],
  ['process 1', [entry(1, { marked: true })], {}, []],
  [
    'a stranger of the same user where all of it is ours',
    [entry(30)],
    { ownsNamespace: true },
    [30],
  ],
  ['another user where all of ours is ours', [entry(30, { uid: 0 })], { ownsNamespace: true }, []],
])('%s', (_what, processes, more, want) => {
  expect(findStrays(processes, { ...rule, ...more }).toSorted((a, b) => a - b)).toEqual(want)
})
