// Without any fault: the whole way of a request through real processes, and a history without a blemish.
import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { paths } from '../lab/paths.ts'
import { ProcessAgents } from '../lab/process-agents.ts'
import { inLab } from './in-lab.ts'

inLab(
  'an undisturbed lab',
  () => ({ runner: new ProcessAgents() }),
  (world) => {
    it('delivers the example on a branch that holds each task’s work exactly once', async () => {
      const example = new URL('../../examples/hello.yaml', import.meta.url)
      await world().lab.author.create(
        paths.devRequests,
        parse(await readFile(example, 'utf8')) as object,
      )
      const { status } = await world().lab.history.finished('hello')

      expect(status?.summary).toContain('branch guild/hello is ready')
      const want = world()
        .lab.history.tasksOf('hello')
        .filter((task) => task.status?.result?.merged !== undefined)
        .map((task) => task.metadata.name)
      expect(want.length).toBeGreaterThan(3)
      const merged = await world().lab.forge.mergedInto(status?.repository ?? '', 'guild/hello')
      expect(merged.toSorted()).toEqual(want.toSorted())
    })

    it('breaks no invariant, and tells its audit of every transition', async () => {
      await world().lab.operators[0]?.stop()
      expect(world().lab.history.check({ maxAgents: 10 })).toEqual([])
    })

    it('asks the API server under names of its own', async () => {
      const { operator, forge, node } = await world().lab.requests()
      expect(operator.writes).toBeGreaterThan(50)
      expect(forge.writes).toBeGreaterThan(0)
      expect(node.writes).toBeGreaterThan(10)
    })
  },
)
