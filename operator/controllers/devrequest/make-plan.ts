import type { DevRequest } from '../../api/devrequest.ts'
import { ForgeError, type Forge } from '../../forge-client.ts'
import type { Logger } from '../../kube/ports.ts'
import type { Gateway } from '../../models/gateway.ts'
import type { ModelProfile } from '../../models/profile.ts'
import { readFacts } from '../../planner/facts.ts'
import { makePlan } from '../../planner/plan.ts'
import type { Planned } from './planning.ts'

/** Builds the function that plans one request: facts from the forge, units from the model, tasks by rule. */
export function planMaker(parts: {
  readonly forge: Forge
  readonly gateway: Gateway
  readonly profileOf: (name: string) => ModelProfile | undefined
  readonly log: Logger
}): (request: DevRequest, signal: AbortSignal) => Promise<Planned> {
  return async function planRequest(request, signal) {
    const { metadata, spec, status } = request
    const profile = parts.profileOf(status?.model ?? '')
    if (status?.repository === undefined || status.base === undefined || profile === undefined)
      throw new TypeError(`request ${metadata.name} is not prepared`)
    const { repository, base } = status
    const facts = await readFacts(
      {
        readTree: async (options) => parts.forge.tree(repository, base, options),
        readFile: async (path, options) => {
          const text = await parts.forge.file(repository, base, path, options)
          if (text === undefined) throw new ForgeError('NotFound', `${path} is not in ${base}`)
          return text
        },
      },
      spec.request,
      { signal },
    )
    const { plan, transcript } = await makePlan(
      {
        request: metadata.name,
        spec,
        profile,
        facts,
        call: parts.gateway.call,
        usedTokens: status.tokens ?? 0,
      },
      { signal },
    )
    const used = parts.gateway.tokens({ request: metadata.name, task: '' })
    parts.log.info(
      { request: metadata.name, plan: plan.hash, source: plan.source, tasks: plan.tasks.length },
      `request ${metadata.name} planned: ${plan.tasks.length} tasks in ${plan.waves.length} waves`,
    )
    parts.log.debug({ request: metadata.name, transcript }, 'planning transcript')
    return { plan, tokens: used.inputTokens + used.outputTokens }
  }
}
