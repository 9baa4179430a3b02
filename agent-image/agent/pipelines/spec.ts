// Tests before the code: written from what is asked, checked by running them where the code does not exist.
import { beginningOf, counted, withBeginning } from '../../../core/api/plain-text.ts'
import { cutText } from '../../../core/api/faithful-text.ts'
import type { Purpose } from '../../../core/api/agent-protocol.ts'
import { type ModuleKind, moduleKinds } from '../code/module-kind.ts'
import { factsIn } from '../code/read-code.ts'
import { specifierFor } from '../code/resolve.ts'
import { chooseBlock, cleanPath } from '../edit/choose-block.ts'
import { refuse } from '../edit/guards.ts'
import { symbolsOf } from '../edit/symbols.ts'
import { packageName } from '../linked-packages.ts'
import { refusedQuestion } from '../model.ts'
import { codeFiles, languageOf, type Project, specPath } from '../project.ts'
import { fenceWord, opening, optionalSection, section, testerRole } from '../prompt.ts'
import { hashEdit, nextTry, type TriedCandidate, whyEnded } from '../tries.ts'
import { evidenceOf, signatureOf, unusableAnswer } from '../verify/digest.ts'
import { withSpecRules } from '../verify/judge-runs.ts'
import { specProblems } from '../verify/spec-gate.ts'
import { importsOf, repairImports } from '../verify/spec-imports.ts'
import { namesFile, reachedBy, unitOf } from '../verify/spec-reach.ts'
import { declaredTests, specRules } from '../verify/spec-text.ts'
import type { TestRun } from '../verify/test-run.ts'
import { litterOfSpec } from './litter.ts'
import {
  countsOf,
  deliver,
  type Pipeline,
  type PipelineContext,
  projectAt,
  unwritable,
} from './pipeline.ts'
import { allHold, allIdle, mayBeDone, passesAlready, worthlessTests } from './spec-idle.ts'
import { habitOf, keptKind, mainsOf, type Place, placeFor, placesOf } from './spec-place.ts'
import { failsByTests, isUnloaded, oddValue, runProblem, stubThrew } from './spec-runs.ts'
import { standIns } from './stand-ins.ts'

/** What is asked for, and where. */
interface SpecGoal extends Place {
  /** What the project's code is written in; undefined where nothing says it. */
  readonly habit: ModuleKind | undefined
  /** The unit's files that tests can import. */
  readonly files: readonly string[]
  readonly project: Project
}

interface SpecCandidate extends TriedCandidate {
  readonly text: string | undefined
  /** Where the text belongs, by what it is written in. */
  readonly place: Place
  readonly problem: string
  /** The run on the tree without the code; there when the text was good enough to run. */
  readonly run: TestRun | undefined
  /** Its tests are sound and all pass on the tree as it is: the code may be there already. */
  readonly holds?: true
}

/** Writes one test file for the unit; the harness names it and proves that it fails before the code exists. */
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
  const unloadable = await whyUnloadable(context, project, files)
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

/** Why a file under test cannot be loaded here as it is, whatever a test says: a sentence without its full stop. */
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
        ...optionalSection(
          'Other files',
          assignment.siblings
            .filter((sibling) => sibling.unit !== assignment.unit)
            .slice(0, 4)
            .map(
              (sibling) =>
                `(unit ${sibling.unit}, ${sibling.files.join(', ')}: ${cutText(sibling.goal, 160)})`,
            )
            .join('\n'),
        ),
        ...(repairOf?.text === undefined
          ? []
          : [section('Current text', repairOf.text), section('What failed', repairOf.problem)]),
      ],
      instruction: `Answer with the complete text of the test file ${goal.path} in one fenced block: a line with the path, then \`\`\`${fenceWord(goal.path)}, the whole file, \`\`\`. No explanation.`,
      temperature: how.temperature,
      seed: how.seed,
      maxTokens: Math.min(assignment.outputTokens, 1500),
    },
    { signal },
  )
  if (answer.kind === 'refused') throw refusedQuestion(answer.message)
  if (answer.kind === 'unusable') return unusable(goal, answer.message, answer.began)
  // The harness names the file, so whatever name a block has is fine, as long as it is not the code itself.
  const blocks = answer.result.blocks.flatMap(({ path, ...block }) =>
    goal.files.includes(cleanPath(path) ?? '') ? [] : [block],
  )
  const chosen = chooseBlock(blocks, goal.path)
  if (chosen.kind === 'none') return unusable(goal, chosen.why, beginningOf(answer.result.text))
  return judge(context, goal, chosen.text)
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

async function judge(
  context: PipelineContext,
  goal: SpecGoal,
  answer: string,
): Promise<SpecCandidate> {
  const { assignment, runner, signal, workspace } = context
  const { files } = goal
  const known = [...new Set([...files, ...goal.project.files])]
  const mains = mainsOf(goal.project)
  const place = await placeFor(context, goal, answer)
  const { path, kind } = place
  const kindsOf = (more: Iterable<string>): ReturnType<typeof moduleKinds> =>
    moduleKinds(
      [...new Set([...files, ...more])],
      goal.project.files,
      (file) => workspace.read(file, { signal }),
      kind,
    )
  const asked = await factsIn(runner, path, answer, { signal })
  const kindOf = await kindsOf(importsOf(path, answer, known, asked, mains).names.keys())
  const text = repairImports(path, answer, files, { known, kindOf, facts: asked, kind, mains })
  const facts = text === answer ? asked : await factsIn(runner, path, text, { signal })
  const refusal = refuse({
    path,
    text,
    before: undefined,
    allowed: [path],
    requested: `${assignment.requestText} ${assignment.goal}`,
    mayShrink: true,
    isTest: true,
    facts,
  })
  if (refusal !== undefined) return rejected(place, undefined, refusal.message)
  const imports = importsOf(path, text, known, facts, mains)
  const isUnit = unitOf(path, files, { known, mains, imported: imports.names })
  const problems = [...specProblems(path, text, facts, kind, isUnit)]
  const reached = await reachedBy(imports.names, files, known, {
    read: (paths) => workspace.readAll(paths, { signal }),
    reader: runner,
    mains,
    signal,
  })
  const names = new Map([...imports.names, ...reached])
  if (!files.some((file) => names.has(file) || namesFile(text, file)))
    problems.push(
      `The tests must import from ${files.map((file) => specifierFor(path, file, known)).join(' or ')}.`,
    )
  const isLinked = (from: string): boolean => goal.project.linked.has(packageName(from) ?? '')
  for (const from of imports.unknown.filter((one) => !isLinked(one)))
    problems.push(`There is no file or package ${from}.`)
  if (problems.length > 0) return rejected(place, text, problems.join('\n'))
  const syntax = await runner.syntax(new Map([[path, text]]), { signal, kindOf: () => kind })
  if (syntax !== undefined) return rejected(place, text, `Syntax error:\n${syntax.message}`)

  // A stub that throws hides what is wrong behind the call, one that returns hides tests of errors, and what is true of
  // nonsense is true of wrong code.
  const rules = specRules(path, facts)
  const judged = { specs: new Map([[path, rules.declared]]), awaiting: rules.awaiting }
  const runs: TestRun[] = []
  let isUsedEarly = false
  let odd: SpecCandidate | undefined
  const standIn = await standIns(context, names, {
    files,
    there: goal.project.files,
    kindOf: await kindsOf(names.keys()),
  })
  for (const behaviour of ['returns', 'throws', 'nonsense'] as const) {
    const code = standIn(behaviour)
    const changes = new Map([...code, [path, text]])
    const run = await runner.test([path], changes, { signal, project: goal.project })
    // A file that uses what is missing while it is loaded fails before the code exists, as it should.
    if (behaviour === 'throws') isUsedEarly = isUnloaded(run, stubThrew)
    if (behaviour === 'throws' && isUsedEarly) continue
    const wrong = await runProblem(context, path, text, run, facts)
    // Only the stub that throws tells whether an odd value of a stub kept the file from being loaded.
    const mayBeOdd = behaviour === 'returns' || isUsedEarly
    if (wrong !== undefined && mayBeOdd && isUnloaded(run, oddValue)) {
      odd ??= { ...rejected(place, text, wrong), run }
      continue
    }
    if (odd !== undefined && !isUsedEarly) return odd
    if (wrong !== undefined) return { ...rejected(place, text, wrong), run }
    const { project } = goal
    const ran = {
      spec: path,
      text,
      changes,
      loaded: [...names.keys()].filter((file) => project.files.includes(file)),
      project,
    }
    const litter = await litterOfSpec(context, ran)
    if (litter !== undefined) return { ...rejected(place, text, litter), run }
    runs.push(run)
    if (failsByTests(run)) continue
    // No stub may fulfil a spec: code that always throws, say, must not pass for work.
    if (code.size > 0) return { ...rejected(place, text, allIdle(behaviour)), run }
    const [idle] = withSpecRules(run, judged).failed
    return idle === undefined
      ? { ...rejected(place, text, allHold), run, holds: true }
      : { ...rejected(place, text, `The test ${idle.name} is of no use. ${idle.message}`), run }
  }
  const last = runs[0] ?? odd?.run
  const isNew = files.every((file) => !goal.project.files.includes(file))
  const idle = worthlessTests(
    runs.slice(0, 2).map((run) => withSpecRules(run, judged)),
    runs,
    isNew,
  )
  return { ...rejected(place, text, idle ?? ''), run: last }
}

/** How an answer began says why it is of no use, and not whether the model goes on in the same way. */
function unusable(place: Place, why: string, began: string | undefined): SpecCandidate {
  const signature = signatureOf([why])
  return { ...rejected(place, undefined, withBeginning(why, began)), signature }
}

function rejected(place: Place, text: string | undefined, problem: string): SpecCandidate {
  return {
    place,
    text,
    problem,
    run: undefined,
    edit: text === undefined ? undefined : hashEdit(new Map([['spec', text]])),
    signature: signatureOf([problem]),
  }
}
