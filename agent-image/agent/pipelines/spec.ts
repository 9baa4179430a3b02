// Tests before the code: the model writes them from the request, and they are run where the code
// does not exist.
import type { Purpose } from '../../../core/api/agent-protocol.ts'
import { beginningOf, counted, withBeginning } from '../../../core/api/plain-text.ts'
import { type ModuleKind, specifierFor } from '../code/modules.ts'
import { inOneBlock, optionalSection, section } from '../../../core/api/prompt-parts.ts'
import { factsIn } from '../code/read-code.ts'
import { chooseBlock, cleanPath } from '../edit/choose-block.ts'
import { refusedQuestion } from '../model.ts'
import { type Project, codeFiles, languageOf, specPath } from '../project/project.ts'
import { fenceWord, opening, otherUnits, symbolsOf, testerRole } from '../prompt-layout.ts'
import { nextTry, whyEnded } from '../tries.ts'
import { evidenceOf, signatureOf, unusableAnswer } from '../verify/evidence.ts'
import { declaredTests } from '../verify/spec-text.ts'
import {
  type Pipeline,
  type PipelineContext,
  countsOf,
  deliver,
  projectAt,
  refusedFor,
  spoiltPackage,
  unwritable,
} from './pipeline.ts'
import {
  type SpecCandidate,
  judgeSpec,
  mayBeDone,
  passesAlready,
  rejected,
} from './spec-judgement.ts'
import { type SpecGoal, type SpecPlace, habitOf, keptKind, placesOf } from './spec-place.ts'

/**
 * Writes one test file for the unit; the harness names it and proves that it fails before the code
 * exists.
 */
export const spec: Pipeline = async (context) => {
  const { assignment, activity } = context
  const project = await projectAt(context)
  const habit = await habitOf(context, project)
  const path = specPath(assignment, project, habit)
  const files = codeFiles(assignment.files).filter(
    (file) => path !== undefined && languageOf(file) === languageOf(path),
  )
  if (path === undefined || files.length === 0)
    return {
      verdict: 'NothingChanged',
      summary: 'The unit has no files that tests of ours can run; it goes without spec tests.',
      notes: [`no tests were written for ${assignment.files.join(', ') || 'this unit'}`],
    }
  const refusal = await unwritable(context, placesOf(context, project))
  if (refusal !== undefined) return refusal
  const spoilt = await spoiltPackage(context, project, [...files, path])
  if (spoilt?.isMended === false) return refusedFor(spoilt)
  const unloadable = spoilt?.why ?? (await whyUnloadable(context, project, files))
  if (unloadable !== undefined)
    return {
      verdict: 'NothingChanged',
      summary: `${unloadable}. No test can load it, so the unit goes without spec tests.`,
      notes: [`no tests were written: ${unloadable}`],
    }
  const kind = keptKind(path, habit ?? 'module', project)
  const goal: SpecGoal = { path, kind, habit, files, project }
  const tried: SpecCandidate[] = []
  for (;;) {
    const how = nextTry(assignment, tried)
    if (how === undefined) break
    const repairOf = how.kind === 'repair' ? tried.at(-1) : undefined
    const asked = repairOf?.text === undefined ? goal : { ...goal, ...repairOf.place }
    activity(`try ${how.number}: ${how.kind === 'repair' ? 'repairing' : 'writing'} ${asked.path}`)
    const candidate = await tryOnce(context, asked, how, repairOf)
    tried.push(candidate)
    if (mayBeDone(assignment, tried)) {
      context.tried?.({ kind: how.kind, accepted: false, problem: candidate.problem })
      return passesAlready(goal.files, candidate.run)
    }
    const accepted = candidate.problem === '' && candidate.run !== undefined
    context.tried?.({ kind: how.kind, accepted, problem: candidate.problem })
    if (candidate.problem !== '' || candidate.text === undefined || candidate.run === undefined) {
      activity(`try ${how.number}: ${candidate.problem.split('\n')[0] ?? ''}`)
      continue
    }
    const written = candidate.place.path
    const facts = await factsIn(context.runner, written, candidate.text, context)
    const names = declaredTests(written, candidate.text, facts)
    const failing = candidate.run.failed.length
    const commit = await deliver(
      context,
      new Map([[written, candidate.text]]),
      assignment.title,
      'Done',
    )
    return {
      verdict: 'Done',
      summary: `Wrote ${counted(names.length, 'test')} in ${written}; ${failing} of them ${failing === 1 ? 'fails' : 'fail'} before the code exists, as it should be.`,
      commit,
      files: [written],
      evidence: [evidenceOf(candidate.run, `before the change: ${countsOf(candidate.run)}`)],
      notes: candidate.run.passed.map((id) => `passes before the code exists: ${id}`).slice(0, 5),
    }
  }
  return {
    verdict: 'ChecksFailed',
    summary: `None of ${counted(tried.length, 'answer')} was a usable test file (${whyEnded(assignment, tried) ?? 'stopped'}).`,
    evidence: tried.map((entry, index) =>
      entry.run === undefined
        ? unusableAnswer(index + 1, entry.problem)
        : evidenceOf(entry.run, entry.problem),
    ),
    failure: {
      reason: 'OutputUnusable',
      message: `No usable tests for ${files.join(', ')}. The last answer: ${tried.at(-1)?.problem ?? ''}`,
    },
  }
}

/**
 * Why a file under test cannot be loaded here as it is, whatever a test says: a sentence without
 * its full stop.
 */
async function whyUnloadable(
  { runner, workspace, signal }: PipelineContext,
  project: Project,
  files: readonly string[],
): Promise<string | undefined> {
  const there = [...(await workspace.readAll(files, { signal })).keys()]
  if (there.length === 0) return undefined
  const loads = await runner.load(there, new Map(), { signal, project })
  const found = loads.find(({ outcome }) => outcome === 'unloadable')
  return found === undefined ? undefined : `${found.path} cannot be loaded here: ${found.message}`
}

async function tryOnce(
  context: PipelineContext,
  goal: SpecGoal,
  how: NonNullable<ReturnType<typeof nextTry>>,
  repairOf: SpecCandidate | undefined,
): Promise<SpecCandidate> {
  const purpose: Purpose = `spec.${repairOf === undefined ? 'write' : 'repair'}`
  const { assignment, model, signal } = context
  const answer = await model.ask(
    {
      verb: 'write',
      purpose,
      system: testerRole(goal.path, goal.kind === 'commonjs'),
      sections: [
        ...opening(assignment, goal.path, purpose, { commonjs: goal.kind === 'commonjs' }),
        section('Files under test', await filesUnderTest(context, goal)),
        ...optionalSection('Other files', otherUnits(assignment).join('\n')),
        ...(repairOf?.text === undefined
          ? []
          : [section('Current text', repairOf.text), section('What failed', repairOf.problem)]),
      ],
      instruction: `Answer with the complete text of the test file ${goal.path} ${inOneBlock(fenceWord(goal.path))} No explanation.`,
      temperature: how.temperature,
      seed: how.seed,
      maxTokens: Math.min(assignment.outputTokens, 1500),
    },
    { signal },
  )
  if (answer.kind === 'refused') throw refusedQuestion(answer.message)
  if (answer.kind === 'unusable') return unusable(goal, answer.message, answer.began)
  // The harness names the file, so whatever name a block has is fine, as long as it is not the code
  // itself.
  const blocks = answer.result.blocks.flatMap(({ path, ...block }) =>
    goal.files.includes(cleanPath(path) ?? '') ? [] : [block],
  )
  const chosen = chooseBlock(blocks, goal.path)
  if (chosen.kind === 'none') return unusable(goal, chosen.why, beginningOf(answer.result.text))
  return judgeSpec(context, goal, chosen.text)
}

/** Import lines and the signatures that exist already; never a body. */
async function filesUnderTest(context: PipelineContext, goal: SpecGoal): Promise<string> {
  const parts: string[] = []
  for (const file of goal.files) {
    const from = specifierFor(goal.path, file, [...goal.files, ...goal.project.files])
    const how = languageOf(file) === 'python' ? pythonImport(from) : nodeImport(from, goal.kind)
    const text = await context.workspace.read(file, { signal: context.signal })
    const facts = await factsIn(context.runner, file, text ?? '', context)
    const symbols = text === undefined ? [] : symbolsOf(file, text, facts).slice(0, 12)
    parts.push(`${file}: ${how}`)
    for (const symbol of symbols) parts.push(`  exists: ${symbol.signature}`)
  }
  return parts.join('\n')
}

function nodeImport(from: string, kind: ModuleKind): string {
  return kind === 'commonjs' ? `const { … } = require('${from}')` : `import { … } from '${from}'`
}

/** A hyphen in a folder's name, say, leaves no way but a call. */
function pythonImport(module: string): string {
  const isPlain = module.split('.').every((part) => /^[\p{L}_][\p{L}\p{N}_]*$/u.test(part))
  return isPlain ? `from ${module} import …` : `importlib.import_module('${module}')`
}

/**
 * The beginning of an answer explains why it cannot be used, but is not a sign of progress, so the
 * signature leaves it out.
 */
function unusable(place: SpecPlace, why: string, began: string | undefined): SpecCandidate {
  const signature = signatureOf([why])
  return { ...rejected(place, undefined, withBeginning(why, began)), signature }
}
