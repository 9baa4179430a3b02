import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { DevRequestSpec, Plan } from '../../core/api/devrequest.ts'
import { type Gateway, createGateway } from '../../core/models/gateway.ts'
import type { ModelProfile } from '../../core/models/profile.ts'
import { planProblems } from '../../core/planner/check-plan.ts'
import { type RepositoryReader, readFacts } from '../../core/planner/facts.ts'
import { makePlan } from '../../core/planner/plan.ts'
import { unitsOf } from '../../core/planner/replan.ts'
import { systemClock, systemRandom } from '../../core/base/clock.ts'
import { fileProblem } from '../../core/base/file-problem.ts'
import { CliError } from '../failure.ts'
import { type OutputUse, refuseUnwritable, unwritable } from '../files.ts'
import { type ModelFlags, chooseModel, explainedModel } from '../planning/model-server.ts'
import { withProgress } from '../planning/progress.ts'
import { openRepository, openTemplate } from '../planning/repository.ts'
import { type PlanRequest, type RequestFlags, planFile, readRequest } from '../planning/request.ts'
import { planAsJson, renderPlan } from '../show/plan.ts'
import { type Terminal, jsonText } from '../terminal.ts'
import { labelOf } from '../../core/view/request.ts'

/** What a person can say on the command line about a plan. */
export interface PlanFlags extends RequestFlags, ModelFlags {
  /** A directory with the project to work on. */
  readonly repo?: string | undefined
  /** A file that gets the units, for a person to change. */
  readonly save?: string | undefined
  readonly json?: boolean | undefined
  readonly verbose?: boolean | undefined
}

/**
 * Plans a request as the operator would, without a cluster, and prints the plan.
 * Guarantees: stdout holds a plan that can be carried out, and nothing else; everything else is on
 * stderr.
 * Errors: `CliError` when the request, the repository or the model server cannot be used.
 */
export async function showPlan(options: {
  readonly terminal: Terminal
  readonly signal: AbortSignal
  readonly cwd: string
  readonly flags: PlanFlags
}): Promise<void> {
  const { terminal, signal, cwd, flags } = options
  const request = await readRequest(flags, cwd)
  const { name, spec } = request
  const saving = { cwd, flag: '--save', command: 'plan' }
  if (flags.save !== undefined) await refuseUnwritable(flags.save, saving)
  const reader =
    flags.repo === undefined
      ? await startingPoint(request, terminal)
      : await openRepository(resolve(cwd, flags.repo), { signal })
  const planner = await plannerFor(spec, options)
  const facts = await readFacts(reader, spec.request, { signal })
  const made = await makePlan({ request: name, spec, facts, ...planner }, { signal }).catch(
    (error: unknown) => {
      throw explainedModel(error, planner.profile)
    },
  )
  const problems = planProblems(made.plan, spec.limits)
  if (problems.length > 0) {
    throw new CliError(`the plan cannot be carried out: ${problems.join('; ')}`, {
      next: 'this is a defect of the planner; please report the line above with your request',
    })
  }
  if (flags.save !== undefined) await save(made.plan, flags.save, saving, terminal)
  if (flags.json) {
    terminal.out(`${jsonText(planAsJson(made.plan))}\n`)
    return
  }
  const view = {
    ...made,
    name,
    request: spec.request,
    model: planner.profile.name,
    verbose: flags.verbose ?? false,
  }
  terminal.out(`${renderPlan(view, terminal.style()).join('\n')}\n`)
}

async function save(plan: Plan, file: string, use: OutputUse, terminal: Terminal): Promise<void> {
  const text = planFile({ units: unitsOf(plan) }, [
    `Change it, then: guild submit "…" --plan ${file}`,
  ])
  await writeFile(resolve(use.cwd, file), text).catch((cause: unknown) => {
    throw unwritable(file, fileProblem(cause), use, cause)
  })
  terminal.err(`its units are in ${file}\n`)
}

/** The template a request starts from. What only the cluster can reach is not guessed. */
async function startingPoint(
  { name, spec }: PlanRequest,
  terminal: Terminal,
): Promise<RepositoryReader> {
  const { template, repository, git } = spec.source ?? {}
  const elsewhere = repository?.name ?? git?.url
  if (elsewhere !== undefined) {
    terminal.err(
      `the request works on ${elsewhere}, which is not read from here: an empty repository is assumed (--repo DIR names a checkout)\n`,
    )
  }
  return openTemplate(template?.name ?? 'empty', name)
}

interface Planner {
  readonly profile: Pick<ModelProfile, 'name' | 'tier' | 'endpoint'>
  readonly call: Gateway['call']
}

/** A person's plan needs no model, so none is looked for. */
async function plannerFor(
  spec: DevRequestSpec,
  options: {
    readonly terminal: Terminal
    readonly signal: AbortSignal
    readonly flags: PlanFlags
  },
): Promise<Planner> {
  const { terminal, signal, flags } = options
  if (spec.plan !== undefined) {
    return {
      profile: { name: '', endpoint: '', tier: 'good' },
      call: () => Promise.reject(new Error('a plan of a person asks no model')),
    }
  }
  const model = flags.model ?? spec.model
  const profile = await chooseModel({ ...flags, model }, { signal })
  const { endpoint } = profile
  if (model === undefined) {
    terminal.err(`planning with ${labelOf(profile.name)} at ${endpoint} (--model names another)\n`)
  }
  const gateway = createGateway({
    profile: () => profile,
    clock: systemClock,
    random: systemRandom,
  })
  const outlet = { write: terminal.moveErr, live: terminal.liveErr, clock: systemClock }
  return { profile, call: withProgress(gateway.call, outlet) }
}
