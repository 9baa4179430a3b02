// Agents that are cut off, say things twice, or say what is not theirs to say; people who delete
// what is in use.
import { expect, test } from 'vitest'
import type { AgentTask } from '../../core/api/agent-task.ts'
import { hasSucceeded, heldBy, isFinished } from '../../core/api/task-state.ts'
import { ApiProblem } from '../lab/api.ts'
import { paths } from '../lab/paths.ts'
import { SimulatedAgents, type LabAgent } from '../lab/simulated-agents.ts'
import { reportOn } from '../support/simulated-agent.ts'
import { inLab, repeated, submit, succeeded } from './in-lab.ts'

const maxAgents = 8
const idleSeconds = 5
const agents = new SimulatedAgents()

inLab(
  'agents and people out of order',
  () => ({ runner: agents, settings: { agents: { maxAgents, idleSeconds } } }),
  (world) => {
    /** Waits until a task of the request is held, and says by whom. */
    const holder = async (
      request: string,
      action?: string,
    ): Promise<{ readonly task: AgentTask; readonly agent: LabAgent }> =>
      world().lab.history.until(`a holder of ${action ?? 'a task'} of ${request}`, () => {
        for (const task of world().lab.history.tasksOf(request)) {
          if (action !== undefined && task.spec.action !== action) continue
          const agent = agents.agents.get(heldBy(task)?.podUid ?? '')
          if (agent?.task === task.metadata.name) return { task, agent }
        }
        return undefined
      })
    const nameOf = ({ metadata, status }: AgentTask) => ({
      task: metadata.name,
      uid: metadata.uid,
      attempt: status?.assignment?.attempt ?? 0,
    })
    const failed = {
      verdict: 'ChecksFailed',
      failure: { reason: 'ChecksFailed', message: 'no' },
    } as const

    test('16: one that was cut off and finishes later comes too late', async () => {
      const { lab } = world()
      agents.behaviour = ({ action, attempt }) => ({
        afterMs: action === 'code' && attempt === 1 ? 3_000 : 50,
      })
      await submit(lab, 'cut-off', { units: 1 })
      const { task, agent } = await holder('cut-off', 'code')
      agent.partition()
      await succeeded(lab, 'cut-off')
      agent.heal()
      // By itself it may say nothing: told in time that its task is taken away, it stops.
      await expect
        .poll(() => agent.tell(reportOn(nameOf(task))))
        .toMatchObject({
          ...nameOf(task),
          outcome: 'fenced',
        })
      expect(repeated(lab.history.tasksOf('cut-off'))).toEqual([`${task.metadata.name}: 2`])
    })

    test('17: of two reports the first one counts, whatever the second one says', async () => {
      const { lab } = world()
      agents.behaviour = () => ({ afterMs: 300 })
      await submit(lab, 'twice', { units: 1 })
      const { task, agent } = await holder('twice')
      const name = nameOf(task)
      await lab.history.until('its end', () =>
        lab.history
          .tasksOf('twice')
          .some((one) => one.metadata.uid === name.uid && isFinished(one)),
      )
      const good = reportOn(name)
      expect(await agent.tell(good)).toMatchObject({ outcome: 'accepted' })
      await agent.tell({ ...good, ...failed })
      const first = lab.history.tasksOf('twice').find((one) => one.metadata.uid === name.uid)
      expect(first !== undefined && hasSucceeded(first)).toBe(true)
      expect(repeated(await succeeded(lab, 'twice'))).toEqual([])
    })

    test('18: nobody reports for a task that another one holds, for another attempt or for another uid', async () => {
      const { lab } = world()
      agents.behaviour = ({ action }) => ({ afterMs: action === 'code' ? 2_000 : 50 })
      await submit(lab, 'forged', { units: 1 })
      const { task, agent } = await holder('forged', 'code')
      const other = [...agents.agents.values()].find((one) => one.running && one !== agent)
      if (other === undefined) throw new Error('there is no second agent')
      const name = nameOf(task)
      const good = reportOn(name)
      const lies = [
        await other.tell(good),
        await other.tell({ ...good, ...failed }),
        await agent.tell({ ...good, attempt: 2 }),
        await agent.tell({ ...good, uid: 'another' }),
        await agent.tell({ ...good, task: 'nobody-knows-this' }),
      ]
      expect(lies.map((receipt) => receipt?.outcome)).toEqual(lies.map(() => 'fenced'))
      expect(await agent.say('/v1/report', { ...good, attempt: 'x' })).toMatchObject({
        status: 400,
      })
      const words = { verb: 'write', purpose: 'x', system: '', sections: [], instruction: '' }
      const question = { ...name, ...words, temperature: 0, seed: 1, maxTokens: 10 }
      expect(await other.say('/v1/model', question)).toMatchObject({ status: 409 })
      const stranger = await fetch(`${agent.start.hubUrl}/v1/report`, {
        method: 'POST',
        headers: { authorization: 'Bearer made-up' },
        body: JSON.stringify(good),
      })
      expect(stranger.status).toBe(401)
      expect(repeated(await succeeded(lab, 'forged'))).toEqual([])
    })

    test('26: whatever a person deletes at whatever moment, the rest goes on or goes with it', async () => {
      const { lab } = world()
      const remove = async (path: string): Promise<void> => {
        await lab.author.delete(path).catch((error: unknown) => {
          if (!(error instanceof ApiProblem) || error.status !== 404) throw error
        })
      }
      const gone = async (request: string) =>
        lab.history.until(`the end of everything of ${request}`, () => {
          const left = lab.history.request(request) !== undefined
          return !left && lab.history.tasksOf(request).length === 0
        })
      agents.behaviour = () => ({ afterMs: 400 })

      // The request: at once, with its plan, with work in flight, at its end.
      await submit(lab, 'early')
      await remove(`${paths.devRequests}/early`)
      await submit(lab, 'planned')
      await lab.history.until('a plan', () => lab.history.request('planned')?.status?.plan)
      await remove(`${paths.devRequests}/planned`)
      await submit(lab, 'running')
      await holder('running')
      await remove(`${paths.devRequests}/running`)
      await submit(lab, 'over', { units: 1 })
      await succeeded(lab, 'over')
      await remove(`${paths.devRequests}/over`)
      for (const name of ['early', 'planned', 'running', 'over']) await gone(name)

      // A task: one that waits, one that is held, one that is over; and an Agent and a Pod that
      // work.
      await submit(lab, 'wounded')
      const waiting = await lab.history.until('a task that waits', () =>
        lab.history.tasksOf('wounded').find((task) => task.spec.action === 'finish'),
      )
      await remove(`${paths.agentTasks}/${waiting.metadata.name}`)
      const { task: held } = await holder('wounded')
      await remove(`${paths.agentTasks}/${held.metadata.name}`)
      const over = await lab.history.until('a task that is over', () =>
        lab.history.tasksOf('wounded').find(isFinished),
      )
      await remove(`${paths.agentTasks}/${over.metadata.name}`)
      const { agent: first } = await holder('wounded', 'code')
      await remove(`${paths.agents}/${first.start.agent}`)
      const { agent: second } = await holder('wounded', 'verify')
      await remove(`${paths.pods}/${second.start.pod}`)
      await succeeded(lab, 'wounded')
    })

    test('33: an idle agent is either sent away or given a task, never both', async () => {
      const { lab, proxy } = world()
      // While the code is written the one that wrote the tests is idle, until its time is over.
      agents.behaviour = ({ action }) => ({
        afterMs: action === 'code' ? (idleSeconds + 4) * 1_000 : 50,
      })
      const retire = proxy.add({
        method: 'PUT',
        path: /\/agents\/testing-[^/]+\/status/,
        body: /"state":"draining"/,
        fault: { kind: 'hold' },
        times: 1,
      })
      await submit(lab, 'busy', { units: 1 })
      // The word is on its way when new work for it comes.
      await retire.first
      await lab.history.until('work for it', () =>
        lab.history
          .tasksOf('busy')
          .some((task) => task.spec.action === 'code' && hasSucceeded(task)),
      )
      retire.release()
      await succeeded(lab, 'busy')
      await lab.history.until('the end of all agents', () => lab.history.now('Pod').length === 0)
    })

    test('33: a request that is removed after its time may come again under its name', async () => {
      const { lab } = world()
      const spec = { ttlSecondsAfterFinished: 0 }
      const uids = new Set<string>()
      for (let round = 0; round < 3; round += 1) {
        await submit(lab, 'again', { units: 1, spec })
        const { metadata } = await lab.history.finished('again')
        uids.add(metadata.uid)
        await lab.history.until('its removal', () => lab.history.request('again') === undefined)
      }
      expect(uids.size).toBe(3)
      await lab.history.until('the end of its tasks', () => {
        return lab.history.tasksOf('again').length === 0
      })
    })

    test('nothing that happened in all of this breaks an invariant, and the audit tells of all of it', async () => {
      const { lab } = world()
      await lab.history.until('the end of all agents', () => lab.history.now('Pod').length === 0)
      await lab.history.settled()
      await lab.operators[0]?.stop()
      expect(lab.history.check({ maxAgents })).toEqual([])
    })
  },
)
