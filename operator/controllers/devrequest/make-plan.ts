import { counted } from '../../../core/api/counted.ts'
import type { DevRequest } from '../../../core/api/devrequest.ts'
import { ForgeError, type Forge } from '../../forge/client.ts'
import type { Logger } from '../../../core/base/ports.ts'
import type { Gateway } from '../../../core/models/gateway.ts'
import type { ModelProfile } from '../../../core/models/profile.ts'
import { readFacts, type RepositoryReader } from '../../../core/planner/facts.ts'
import { makePlan, type MadePlan, type PlanInput } from '../../../core/planner/plan.ts'
import { replan } from '../../../core/planner/replan.ts'
import type { FailedPart } from './failed-part.ts'
import type { MakePlan } from './planning.ts'

/** Builds the function that plans one request: facts from the forge, units from the model, tasks by rule. */
export function planMaker(parts: {
  readonly forge: Forge
  readonly gateway: Gateway
  readonly profileOf: (name: string) => ModelProfile | undefined
  readonly log: Logger
}): MakePlan {
  return async function planRequest(request, { failed, signal }) {
    const { metadata, spec, status } = request
    const profile = parts.profileOf(status?.model ?? '')
    if (status?.repository === undefined || status.base === undefined || profile === undefined)
      throw new TypeError(`request ${metadata.name} is not prepared`)
    // A part is planned anew on what the others have made by then.
    const commit = failed === undefined ? status.base : (status.head ?? status.base)
    const reader = readerOf(parts.forge, status.repository, commit)
    const input: PlanInput = {
      request: metadata.name,
      requestUid: metadata.uid,
      spec,
      profile,
      facts: await readFacts(reader, spec.request, { signal }),
      call: parts.gateway.call,
      usedTokens: status.tokens ?? 0,
    }
    const { plan: made, transcript } = await (failed === undefined
      ? makePlan(input, { signal })
      : planAnew(input, request, failed, signal))
    const plan = { ...made, revision: (status.plan?.revision ?? 0) + 1 }
    const used = parts.gateway.tokens({
      request: metadata.name,
      requestUid: metadata.uid,
      task: '',
    })
    const { hash, revision, source, replaced } = plan
    parts.log.info(
      { request: metadata.name, plan: hash, revision, source, tasks: plan.tasks.length, replaced },
      `request ${metadata.name} planned: ${counted(plan.tasks.length, 'task')} in ${counted(plan.waves.length, 'wave')}`,
    )
    parts.log.debug({ request: metadata.name, transcript }, 'planning transcript')
    return { plan, tokens: used.inputTokens + used.outputTokens }
  }
}

async function planAnew(
  input: PlanInput,
  { metadata, status }: DevRequest,
  { unit, evidence, succeeded }: FailedPart,
  signal: AbortSignal,
): Promise<MadePlan> {
  const plan = status?.plan
  const code = plan?.tasks.find((task) => task.unit === unit && task.action === 'code')
  if (plan === undefined || code === undefined)
    throw new TypeError(`request ${metadata.name} has no unit ${unit}`)
  const { goal, files, doneWhen } = code
  const failed = { name: unit, goal, files, doneWhen: doneWhen || goal, evidence }
  return replan({ ...input, plan, failed, succeeded: new Set(succeeded) }, { signal })
}

function readerOf(forge: Forge, repository: string, commit: string): RepositoryReader {
  return {
    readTree: async (options) => forge.tree(repository, commit, options),
    readFile: async (path, options) => {
      const text = await forge.file(repository, commit, path, options)
      if (text === undefined) throw new ForgeError('NotFound', `${path} is not in ${commit}`)
      return text
    },
  }
}
