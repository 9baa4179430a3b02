// The way of one unit through the real agent: branch, spec, code, verify, finish, with a real
// sandbox process, real git over HTTP, the real runners and pipelines. Only the model's answers are
// scripted.
import { connectSandbox } from '../../agent-image/agent/sandbox-client.ts'
import { type TaskOutcome, TaskFailure } from '../../agent-image/agent/outcome.ts'
import { branch, finish, verify } from '../../agent-image/agent/pipelines/examination.ts'
import { code } from '../../agent-image/agent/pipelines/code.ts'
import type { Pipeline } from '../../agent-image/agent/pipelines/pipeline.ts'
import { spec } from '../../agent-image/agent/pipelines/spec.ts'
import { runnerFor, type RunnerLimits } from '../../agent-image/agent/verify/runner.ts'
import { openWorkspace } from '../../agent-image/agent/workspace/workspace.ts'
import { assignmentFor } from '../support/agent/assignment.ts'
import { programs, type TestPod } from '../support/agent/processes.ts'
import type { TestForge } from '../support/agent/repository.ts'
import { scriptedModel } from '../support/agent/scripted-hub.ts'
import type { Assignment } from '../../core/api/agent-protocol.ts'
import { extractBlocks } from '../../core/models/answers/blocks.ts'
import { standingVerdicts, type Verdict } from '../../core/api/agent-types.ts'
import { type Entries, forgeWith } from './entries.ts'

export const token = 'sesame'
const steps = { branch, spec, code, verify, finish } as const satisfies Readonly<
  Record<string, Pipeline>
>
export type Step = keyof typeof steps

/** A question to the model, and its answer. */
export interface Story {
  readonly entries: Entries
  /** The files of the unit. */
  readonly files: readonly string[]
  readonly unit?: string | undefined
  readonly goal?: string | undefined
  readonly doneWhen?: string | undefined
  /** Answers to each question of a step; the last one again and again. */
  readonly answers: Partial<Record<Step, readonly string[]>>
  /** Steps that are taken, in order; all by default. */
  readonly steps?: readonly Step[] | undefined
  /** Shorter times than usual, for what never ends. */
  readonly limits?: RunnerLimits | undefined
}

export interface Told {
  /** What each step that was taken came to. */
  readonly outcomes: ReadonlyMap<Step, TaskOutcome>
  /** The verdict for a person: the first one that does not stand, else that of the last step. */
  readonly verdict: Verdict
  readonly forge: TestForge
  /** Questions that the model was asked, by step. */
  readonly asked: ReadonlyMap<Step, number>
}

/** An answer with one fenced block for each file. */
export function fenced(files: Readonly<Record<string, string>>): string {
  return Object.entries(files)
    .map(([path, text]) => {
      const ending = path.slice(path.lastIndexOf('.') + 1)
      const word = { py: 'python', mjs: 'js', cjs: 'js', mts: 'ts', cts: 'ts' }[ending] ?? ending
      return `${path}\n\`\`\`${word}\n${text}\`\`\`\n`
    })
    .join('\n')
}

/**
 * Takes the steps of a story; a step whose work does not stand is the last. Close the forge when
 * done.
 */
export async function tell(
  story: Story,
  pod: TestPod,
  options: { readonly signal: AbortSignal },
): Promise<Told> {
  const { signal } = options
  const forge = await forgeWith(story.entries, token)
  const sandbox = connectSandbox(pod.socketPath)
  const outcomes = new Map<Step, TaskOutcome>()
  const asked = new Map<Step, number>()
  const unchecked: Assignment['unchecked'] = []
  const done: Assignment['done'] = []
  const unit = story.unit ?? 'slug'
  let verdict: Verdict = 'NothingChanged'
  for (const step of story.steps ?? (Object.keys(steps) as Step[])) {
    const assignment = assignmentFor(forge, step, {
      files: [...story.files],
      unit,
      ...(story.goal === undefined ? {} : { goal: story.goal }),
      ...(story.doneWhen === undefined ? {} : { doneWhen: story.doneWhen }),
      unchecked: [...unchecked],
      done: [...done],
    })
    const settings = {
      workspace: pod.workspace,
      gitRoot: pod.gitRoot,
      token: () => Promise.resolve(token),
      protocols: ['http'],
    }
    const workspace = await openWorkspace(assignment, settings, sandbox, { signal })
    const model = scriptedModel(story.answers[step] ?? ['never asked'], extractBlocks)
    try {
      const outcome = await steps[step]({
        assignment,
        agent: 'otto',
        workspace,
        runner: runnerFor(workspace, sandbox, programs, story.limits),
        model,
        activity: () => undefined,
        signal,
      }).catch(refusalOf)
      outcomes.set(step, outcome)
      asked.set(step, model.asked)
      verdict = outcome.verdict
      if (!standingVerdicts.has(verdict)) break
      if (outcome.commit !== undefined) forge.integrate(outcome.commit)
      if (step === 'code' && verdict === 'Unchecked') unchecked.push({ unit, why: outcome.summary })
      done.push({ task: assignment.task, action: step, title: '', summary: outcome.summary })
    } finally {
      await workspace.close()
      await sandbox.reset(undefined, { signal })
    }
  }
  return { outcomes, verdict, forge, asked }
}

/** What the attempt makes of a failure that a pipeline throws. */
function refusalOf(error: unknown): TaskOutcome {
  if (!(error instanceof TaskFailure)) throw error
  return {
    verdict: error.reason === 'Unsupported' ? 'Refused' : 'ChecksFailed',
    summary: error.message,
    evidence: error.evidence,
    failure: { reason: error.reason, message: error.message },
  }
}
