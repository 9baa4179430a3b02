import { expect, test } from 'vitest'
import { cpuBetween, machineBusyMs, processCpuMs, readCpu, statusBytes } from './processes.ts'

test('waiting and idling are not busy, stolen time is', () => {
  const stat = 'cpu  100 20 30 4000 500 6 7 8 0 0\ncpu0 1 2 3\n'
  expect(machineBusyMs(stat)).toBe((100 + 20 + 30 + 6 + 7 + 8) * 10)
})

test("a process's name may hold spaces and parentheses", () => {
  const stat =
    '42 (node (a) b) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 9 9 20 0 11 0 12345 1000 200 18446744073709551615'
  expect(processCpuMs(stat)).toBe(3_000)
})

test('memory is read in bytes, and absent where the field is', () => {
  const status = 'Name:\tnode\nVmPeak:\t  999 kB\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n'
  expect(statusBytes(status, 'VmHWM')).toBe(2_097_152)
  expect(statusBytes('Name:\tkthread\n', 'VmHWM')).toBeUndefined()
})

test('what others took is what the machine did and ours did not', () => {
  const use = cpuBetween(
    { machineMs: 1_000, processes: { contender: 100, etcd: 50, gone: 5 } },
    { machineMs: 3_000, processes: { contender: 900, etcd: 250, late: 70 } },
  )
  expect(use).toEqual({ byRole: { contender: 800, etcd: 200 }, othersMs: 1_000 })
})

test('a process that is gone is left out of a reading, not counted as nothing', async () => {
  const { processes, machineMs } = await readCpu({ self: process.pid, gone: 2 ** 30 })
  expect(Object.keys(processes)).toEqual(['self'])
  expect(machineMs).toBeGreaterThan(processes['self'] ?? Infinity)
})
