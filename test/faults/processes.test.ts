// Real agents, forge, operator and model server as processes: the whole way of a request,
// undisturbed and with deaths.
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { heldBy } from '../../core/api/task-state.ts'
import { paths } from '../lab/paths.ts'
import { ProcessAgents } from '../lab/process-agents.ts'
import { inLab, repeated, succeeded } from './in-lab.ts'

const agents = new ProcessAgents()

inLab(
  'agents as processes',
  () => ({ runner: agents }),
  (world) => {
    /** The example, under another name; the scripts know it by its text. */
    const submitExample = async (name: string): Promise<void> => {
      const text = await readFile(new URL('../../examples/hello.yaml', import.meta.url), 'utf8')
      const example = parse(text) as { readonly metadata: object }
      const metadata = { ...example.metadata, name }
      await world().lab.author.create(paths.devRequests, { ...example, metadata })
    }
    /** Expects each merged task's work on the branch, exactly once. */
    const expectBranch = async (name: string): Promise<void> => {
      const { history, forge } = world().lab
      const want = history
        .tasksOf(name)
        .filter((task) => task.status?.result?.merged !== undefined)
        .map((task) => task.metadata.name)
      expect(want.length).toBeGreaterThan(3)
      const repository = history.request(name)?.status?.repository ?? ''
      const merged = await forge.mergedInto(repository, `guild/${name}`)
      expect(merged.toSorted()).toEqual(want.toSorted())
    }
    /** Waits until a task of this sort is held, and gives the process that works on it. */
    const holder = async (request: string, action: string) =>
      world().lab.history.until(`an agent at work on ${action} of ${request}`, () => {
        const { history } = world().lab
        const task = history
          .tasksOf(request)
          .find((one) => one.spec.action === action && heldBy(one) !== undefined)
        const process = agents.agents.get(task?.status?.assignment?.podUid ?? '')
        return task === undefined || process === undefined ? undefined : { task, process }
      })
    const attemptsOf = (request: string, name: string): number =>
      world()
        .lab.history.tasksOf(request)
        .find((task) => task.metadata.name === name)?.status?.attempts ?? 0

    test('an undisturbed request ends on a branch that holds each task’s work exactly once', async () => {
      const { lab } = world()
      await submitExample('hello')
      await succeeded(lab, 'hello')
      await expectBranch('hello')
    })

    test('and leaves a history without a blemish, of which the audit tells every step', async () => {
      const [operator] = world().lab.operators
      await world().lab.history.settled()
      await operator?.stop()
      expect(world().lab.history.check({ maxAgents: 10 })).toEqual([])
      await operator?.start()
    })

    test('14: agents that are killed, or hang and come back, cost an attempt and no work', async () => {
      const { lab } = world()
      await submitExample('deaths')
      const hanging = await holder('deaths', 'spec')
      hanging.process.signal('SIGSTOP')
      const killed = await holder('deaths', 'code')
      killed.process.signal('SIGKILL')
      await lab.history.until(
        'another attempt at what hangs',
        () => attemptsOf('deaths', hanging.task.metadata.name) > 1,
      )
      hanging.process.signal('SIGCONT')
      await succeeded(lab, 'deaths')
      await expectBranch('deaths')
      expect(attemptsOf('deaths', killed.task.metadata.name)).toBe(2)
    })

    test('1: an operator that is killed again and again while agents work costs nothing', async () => {
      const { lab } = world()
      const [operator] = lab.operators
      await submitExample('survivor')
      for (const action of ['spec', 'code', 'review']) {
        await holder('survivor', action)
        await operator?.kill()
        await operator?.start()
      }
      expect(repeated(await succeeded(lab, 'survivor'))).toEqual([])
      await expectBranch('survivor')
    })

    test('nothing that happened in all of this breaks an invariant', async () => {
      const { lab } = world()
      await lab.history.settled()
      await lab.operators[0]?.stop()
      expect(lab.history.check({ maxAgents: 10 })).toEqual([])
    })

    test('everybody asks the API server under a name of its own', async () => {
      const { operator, forge, node } = await world().lab.requests()
      expect(operator.writes).toBeGreaterThan(50)
      expect(forge.writes).toBeGreaterThan(0)
      expect(node.writes).toBeGreaterThan(10)
    })
  },
)
