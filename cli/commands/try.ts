import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type DevRequest, devRequestKind } from '../../core/api/devrequest.ts'
import { apiVersion } from '../../core/api/names.ts'
import { DeadlineError, withDeadline } from '../../core/base/wait.ts'
import { ModelError } from '../../core/models/errors.ts'
import { type Gateway, createGateway } from '../../core/models/gateway.ts'
import type { ModelProfile } from '../../core/models/profile.ts'
import { systemClock, systemRandom } from '../../core/base/clock.ts'
import { asDuration } from '../arguments.ts'
import { CliError, type ExitCode, TryTrouble, exitCodes } from '../failure.ts'
import { chooseModel, explainedModel } from '../planning/model-server.ts'
import { withProgress } from '../planning/progress.ts'
import { closeScratch, keepScratch, openScratch, removeOldScratch } from '../files.ts'
import { draw, renderDiff } from '../show/style.ts'
import { type Terminal, jsonText } from '../terminal.ts'
import { labelOf } from '../../core/view/request.ts'
import { span } from '../../core/view/text.ts'
import { renderTry } from '../show/try.ts'
import { type EndedTask, type LocalForge, ModelLost, openForge, runChain } from '../try/run-plan.ts'
import { type Checkout, gitIn, openCheckout } from '../try/checkout.ts'
import { type Goal, type TryFlags, readGoal } from '../try/goal.ts'
import { changedPaths, leaveInTree, leftInWords, patchOf } from '../try/write-result.ts'
import { type TryResult, outcomeOf, remedyFor } from '../try/outcome.ts'
import { type OpenModel, type Prepared, prepare } from '../try/prepare.ts'
import { type SandboxPlace, sandboxPlace } from '../try/sandbox.ts'

interface TryOptions {
  readonly terminal: Terminal
  readonly signal: AbortSignal
  readonly cwd: string
  readonly flags: TryFlags
}

/**
 * Carries out a request on a checkout of this machine, without a cluster, and prints the result.
 * Guarantees: the work tree is changed for `Done` only, and then by the shown diff and nothing
 * else. stdout holds the result alone. Gives 0 for `Done`, 1 for every other verdict. Errors:
 * `CliError`; with --json all but mistakes of usage are on stdout, too.
 */
export async function showTry(options: TryOptions): Promise<ExitCode> {
  const { terminal, flags, cwd } = options
  const goal = readGoal(flags, cwd)
  try {
    const tried = await tryGoal(goal, options)
    const { result, left } = tried
    if (flags.json === true) terminal.out(`${jsonText(result)}\n`)
    else show(tried, terminal)
    terminal.err(`${left.sentence}\n`)
    if (left.next !== undefined) terminal.next(left.next)
    return result.verdict === 'Done' ? exitCodes.succeeded : exitCodes.failed
  } catch (error) {
    // Ctrl-C reaches children, too, and one that it ended may be heard of before the signal.
    await systemClock.sleep(echoMs, { signal: options.signal })
    if (options.signal.aborted)
      terminal.err(`interrupted; the work tree of ${goal.folder} is as it was\n`)
    const trouble = error instanceof CliError ? error : undefined
    if (flags.json === true && trouble?.exitCode === exitCodes.failed)
      terminal.out(`${jsonText(troubleResult(trouble))}\n`)
    throw error
  }
}

const echoMs = 100

/**
 * On a screen the verdict comes last, and a warning that was printed during the run is not printed
 * again.
 */
function show({ result, summary, told, patch, begun }: Tried, terminal: Terminal): void {
  const isTold = terminal.screen && terminal.liveErr
  const shown = isTold
    ? { ...result, warnings: result.warnings.filter((text) => !begun.includes(text)) }
    : result
  const lines = renderTry(shown, summary, terminal.style(), told)
  if (terminal.screen) printPatch(patch, terminal)
  terminal.out(`${terminal.screen && patch.length > 0 ? '\n' : ''}${lines.join('\n')}\n`)
  if (!terminal.screen) printPatch(patch, terminal)
}

interface Tried {
  readonly result: TryResult
  readonly summary: string
  /** What people are shown of the failures of each try. */
  readonly told: readonly (readonly string[])[]
  readonly patch: Buffer
  /** Where the change is. */
  readonly left: { readonly sentence: string; readonly next: string | undefined }
  /** Warnings that were printed before the work. */
  readonly begun: readonly string[]
}

async function tryGoal(goal: Goal, options: TryOptions): Promise<Tried> {
  const { signal, flags, terminal } = options
  const startedAt = systemClock.now()
  const checkout = await openCheckout(goal.folder, { signal })
  const model = modelFor(options)
  const folder = await openScratch('guild-try-')
  const where = { clock: systemClock, checkout: checkout.root }
  const place = sandboxPlace(flags.sandbox ?? 'auto', folder, where, {
    onStart: ({ warning }) => {
      if (warning !== undefined) terminal.err(`warning: ${warning}\n`)
    },
    onClose: () => terminal.err(`${goal.name}: clearing up\n`),
  })
  try {
    const prepared = await bounded('the plan', 0, options, (within) => {
      // The sandbox comes before the model: without the container there is no reason to ask the
      // model.
      const open = async (): Promise<OpenModel> => {
        const opened = await model.open(within)
        await place.open(within)
        return opened
      }
      return prepare(goal, checkout, open, flags.attempts, { signal: within })
    }).catch((error: unknown) => {
      throw explained(error, model.profile(), flags.timeout)
    })
    for (const warning of prepared.warnings) terminal.err(`warning: ${warning}\n`)
    const forge = await openForge(checkout, goal.name, join(folder, 'forge'), { signal })
    const request = requestOf(goal, prepared, forge)
    const endsAt = flags.timeout === undefined ? Infinity : startedAt + flags.timeout
    const ended = await bounded('the work', graceMs, options, (within) =>
      work({ prepared, request, forge, folder, endsAt, model, place }, options, within),
    ).catch((error: unknown) => {
      throw explained(error, model.profile(), flags.timeout)
    })
    const tokens = model.tokens(goal.name)
    return await conclude({ goal, checkout, forge, folder, prepared, ...ended, tokens }, options)
  } finally {
    await place.close()
    await closeScratch(folder)
  }
}

/**
 * Attempts watch their own time limit, and can say then how far they came; this limit is for all
 * other steps.
 */
const graceMs = 30_000

async function bounded<T>(
  name: string,
  moreMs: number,
  { flags, signal }: TryOptions,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (flags.timeout === undefined) return run(signal)
  const deadline = { clock: systemClock, ms: flags.timeout + moreMs, name, signal }
  return withDeadline(deadline, async (within) => {
    try {
      return await run(within)
    } catch (error) {
      if (within.reason instanceof DeadlineError && !signal.aborted) throw within.reason
      throw error
    }
  })
}

interface TryModel {
  /** Finds it the first time. */
  open(signal: AbortSignal): Promise<{ profile: ModelProfile; call: Gateway['call'] }>
  profile(): ModelProfile | undefined
  tokens(request: string): number
}

function modelFor({ terminal, flags }: TryOptions): TryModel {
  let profile: ModelProfile | undefined
  const gateway = createGateway({
    profile: (name) => (name === profile?.name ? profile : undefined),
    clock: systemClock,
    random: systemRandom,
  })
  const write = terminal.liveErr ? terminal.moveErr : terminal.err
  const outlet = { write, live: terminal.liveErr, clock: systemClock }
  const call = withProgress(gateway.call, outlet)
  return {
    async open(signal) {
      if (profile !== undefined) return { profile, call }
      profile = await chooseModel(flags, { signal }).catch((error: unknown) => {
        throw asTrouble(error)
      })
      if (flags.model === undefined)
        terminal.err(
          `working with ${labelOf(profile.name)} at ${profile.endpoint} (--model names another)\n`,
        )
      return { profile, call }
    },
    profile: () => profile,
    tokens(request) {
      const { earlierTokens, inputTokens, outputTokens } = gateway.tokens({ request })
      return earlierTokens + inputTokens + outputTokens
    },
  }
}

/**
 * The words of `guild plan` about the model server, with this command's name where one is to be
 * typed.
 */
function asTrouble(error: unknown): unknown {
  if (!(error instanceof CliError)) return error
  const next = error.next?.replace(/^guild plan\b/, 'guild try')
  if (error.exitCode === exitCodes.usage)
    return new CliError(error.message, { next, exitCode: error.exitCode, cause: error })
  return new TryTrouble('ModelUnavailable', error.message, { next, cause: error }, 'ChecksFailed')
}

function explained(
  error: unknown,
  profile: ModelProfile | undefined,
  timeoutMs: number | undefined,
): unknown {
  if (error instanceof DeadlineError && timeoutMs !== undefined)
    return new TryTrouble(
      'TimedOut',
      error.message.replace(/\d+ ms$/, asDuration(timeoutMs)),
      {
        next: `guild try … --timeout ${asDuration(Math.max(2 * timeoutMs, 1_800_000))}`,
        cause: error,
      },
      'ChecksFailed',
    )
  const lost = error instanceof ModelLost ? error.why : error
  return lost instanceof ModelError && profile !== undefined
    ? asTrouble(explainedModel(lost, profile))
    : error
}

interface Work {
  readonly prepared: Prepared
  readonly request: DevRequest
  readonly forge: LocalForge
  readonly folder: string
  readonly endsAt: number
  readonly model: TryModel
  readonly place: SandboxPlace
}

async function work(
  { prepared, request, forge, folder, endsAt, model, place }: Work,
  { terminal }: TryOptions,
  signal: AbortSignal,
): Promise<{ readonly tasks: readonly EndedTask[]; readonly warnings: readonly string[] }> {
  const clock = systemClock
  const sandbox = await place.open(signal)
  const warnings = sandbox.warning === undefined ? [] : [sandbox.warning]
  try {
    const { profile, call } = await model.open(signal)
    const tasks = await runChain(
      {
        request,
        tasks: prepared.tasks,
        named: prepared.named.map((one) => ({ ...one, commit: forge.base })),
        profile,
        forge,
        sandbox,
        gitRoot: join(folder, 'git'),
        call,
        endsAt,
        tell: ({ spec: { action, unit } }, text) => {
          const what = [action, unit].filter((part) => part !== undefined).join(' ')
          const line = draw([span(`${what}: ${text}`)], { ...terminal.style(), color: false })
          terminal.err(`${line}\n`)
        },
        clock,
        random: systemRandom,
      },
      { signal },
    )
    return { tasks, warnings }
  } finally {
    await place.close()
  }
}

function requestOf({ name }: Goal, { spec }: Prepared, forge: LocalForge): DevRequest {
  return {
    apiVersion,
    kind: devRequestKind.kind,
    metadata: {
      name,
      namespace: 'try',
      uid: name,
      resourceVersion: '',
      generation: 1,
      creationTimestamp: '',
    },
    spec,
    status: {
      repository: forge.repository,
      branch: forge.branch,
      base: forge.base,
      model: spec.model,
    },
  }
}

interface Conclusion {
  readonly goal: Goal
  readonly checkout: Checkout
  readonly forge: LocalForge
  readonly folder: string
  readonly prepared: Prepared
  readonly tasks: readonly EndedTask[]
  readonly warnings: readonly string[]
  readonly tokens: number
}

/**
 * Leaves the work in the tree when it is Done; otherwise keeps its patch in a file, so that it is
 * not lost.
 */
async function conclude(
  { goal, checkout, forge, folder, prepared, tasks, warnings, tokens }: Conclusion,
  { signal }: TryOptions,
): Promise<Tried> {
  const outcome = outcomeOf(tasks)
  const commit = outcome.rejected ?? forge.head()
  const patch = await patchOf(checkout, forge, commit, { signal })
  const result: TryResult = {
    verdict: outcome.verdict,
    ...(outcome.failure === undefined ? {} : { failure: outcome.failure }),
    tries: outcome.tries,
    files: await changedPaths(checkout, forge, commit, { signal }),
    evidence: outcome.evidence,
    warnings: [...prepared.warnings, ...warnings, ...outcome.warnings],
    diff: patch.toString('utf8'),
    tokens,
  }
  const { summary, told } = outcome
  const tried = { summary, told, patch, begun: [...prepared.warnings, ...warnings] }
  const asItWas = `the work tree of ${checkout.root} is as it was`
  if (result.verdict === 'Done') {
    signal.throwIfAborted()
    try {
      const left = await leaveInTree(checkout, forge, commit, join(folder, 'leave'))
      return { ...tried, result, left: leftInWords(checkout.root, left) }
    } catch (problem) {
      const { kept, next } = await keepPatch(goal, patch, checkout)
      return { ...tried, result: notLeft(result, problem, kept), left: { sentence: asItWas, next } }
    }
  }
  if (patch.length === 0) return { ...tried, result, left: { sentence: asItWas, next: undefined } }
  const { kept, next } = await keepPatch(goal, patch, checkout)
  return {
    ...tried,
    result: { ...result, warnings: [...result.warnings, kept] },
    left: { sentence: asItWas, next },
  }
}

/** The work was done and cannot be put where it belongs. */
function notLeft(result: TryResult, problem: unknown, kept: string): TryResult {
  const reason = problem instanceof TryTrouble ? problem.reason : 'InternalError'
  const message = problem instanceof Error ? problem.message : String(problem)
  return {
    ...result,
    verdict: 'Refused',
    failure: { reason, message, remedy: remedyFor(reason) },
    warnings: [...result.warnings, kept],
  }
}

async function keepPatch(
  { name }: Goal,
  patch: Buffer,
  { root }: Checkout,
): Promise<{ readonly kept: string; readonly next: string }> {
  await removeOldScratch(['guild-diff-', 'guild-try-'], systemClock)
  const folder = await openScratch('guild-diff-')
  const file = join(folder, `${name}.diff`)
  await writeFile(file, patch)
  keepScratch(folder)
  return {
    kept: `The change is not in the work tree; it is in ${file}.`,
    next: `${gitIn(root)} apply ${file}   (after you looked at it)`,
  }
}

/** On a screen every character is made visible; into a pipe the patch goes byte for byte. */
function printPatch(patch: Buffer, { out, bytes, screen, style }: Terminal): void {
  if (patch.length === 0) return
  const { color } = style()
  if (screen || color) out(`\n${renderDiff(patch.toString('utf8'), color)}`)
  else {
    out('\n')
    bytes(patch)
  }
}

/** The result for programs when the command ended before there was work to judge. */
function troubleResult(error: CliError): TryResult {
  const { verdict, reason } =
    error instanceof TryTrouble ? error : ({ verdict: 'Refused', reason: 'InternalError' } as const)
  const remedy = error.next ?? remedyFor(reason)
  const failure = { reason, message: error.message, remedy }
  return { verdict, failure, tries: [], files: [], evidence: [], warnings: [], diff: '', tokens: 0 }
}
