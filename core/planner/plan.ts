import type { DevRequestSpec, Plan, Unit } from '../api/devrequest.ts'
import { beginningOf, counted, plainLine, withBeginning } from '../api/plain-text.ts'
import { faithfulText } from '../api/faithful-text.ts'
import { pathRule } from '../api/schema.ts'
import { ModelError } from '../models/errors.ts'
import type { Gateway } from '../models/gateway.ts'
import type { ModelProfile } from '../models/profile.ts'
import { type Asker, decide, write } from '../models/question.ts'
import { createWatchdog } from '../models/answers/watchdog.ts'
import { expand, givenHash, planHash, teamOf, waves } from './tasks.ts'
import type { RepositoryFacts } from './facts.ts'
import { isDocument } from './language.ts'
import { documentPathsOf, isAboutDeployment, isAboutRoutes, isAboutSecurity } from './mentions.ts'
import { joinedAll, lostExamples, withOwnWords } from './own-words.ts'
import { unusablePaths } from './path-words.ts'
import {
  type UnitsAnswer,
  copiedFromExample,
  notesQuestion,
  unitsAnswer,
  unitsQuestion,
  unitsSchema,
} from './questions.ts'
import { oneUnit, personUnits, unitsByName } from './units-by-rule.ts'
import { isAboutDocuments, sentencesOf } from './sentences.ts'
import { addMissing, checkUnits } from './units.ts'

/** The request and the means from which a plan is made. */
export interface PlanInput {
  /** Name of the DevRequest. */
  readonly request: string
  readonly requestUid?: string
  readonly spec: Pick<DevRequestSpec, 'request' | 'plan' | 'limits' | 'priority'>
  readonly profile: Pick<ModelProfile, 'name' | 'tier'>
  readonly facts: RepositoryFacts
  readonly call: Gateway['call']
  /** Tokens that the status of the request shows as used. */
  readonly usedTokens?: number
}

/** How long to wait for a model, and when to stop. */
export interface PlanOptions {
  readonly signal?: AbortSignal | undefined
  readonly patienceMs?: number | undefined
}

/** One answer of a model while planning, word for word, and its outcome. */
export interface TranscriptEntry {
  readonly purpose: string
  readonly text: string
  /** `used`, or the fault of the answer, after `used all the same:` when no better answer came. */
  readonly outcome: string
}

export interface MadePlan {
  readonly plan: Plan
  readonly transcript: readonly TranscriptEntry[]
}

const mostRepairs = 2

/**
 * Plans a request: asks the model for units of work, checks them, and makes tasks, order and team
 * by rule.
 * Guarantees: the plan is never empty, acyclic, within `limits.maxTasks`, and the same for the same
 * answers. An unusable answer never fails the request: the plan says in a warning that it fell
 * back.
 * Throws ModelError for a model that is not available (retryable) and for an aborted signal.
 */
export async function makePlan(input: PlanInput, options: PlanOptions): Promise<MadePlan> {
  const { spec, facts, profile } = input
  const transcript: TranscriptEntry[] = []
  const proposal = await propose(input, transcript, options)
  const documents = proposal.documents
    ? {
        title: isAboutRoutes(spec.request) ? 'Document the API' : 'Document the change',
        goal: documentGoal(spec.request, proposal.units),
        files: documentFiles(spec.request, facts.files),
      }
    : undefined
  const expansion = expand(proposal.units, {
    request: input.request,
    documents,
    security: isAboutSecurity(spec.request),
    maxTasks: spec.limits.maxTasks,
  })
  const { tasks } = expansion
  const asked = transcript.length
  const warnings = [
    ...proposal.warnings,
    ...expansion.warnings,
    ...(facts.unjudged ?? []),
    ...(proposal.source === 'person' ? [] : wordWarnings(proposal.units, input)),
    ...(facts.languageAssumed
      ? [
          'Neither the repository nor the request tells the language; JavaScript for Node is assumed.',
        ]
      : []),
    ...(proposal.deployment || isAboutDeployment(spec.request)
      ? ['Deployment is not available in this version; the plan ends with a git branch.']
      : []),
  ]
  const given = givenHash(spec.plan)
  const plan: Plan = {
    hash: planHash(tasks),
    revision: 1,
    source: proposal.source,
    ...(given === undefined ? {} : { given }),
    ...(asked > 0 ? { model: profile.name } : {}),
    waves: waves(tasks),
    team: teamOf(tasks, spec.limits.maxParallel),
    tasks,
    warnings: warnings.slice(0, 20).map((warning) => plainLine(warning, 500)),
    attempts: Math.min(asked, 10),
  }
  return { plan, transcript }
}

/** Warnings about words of the request that are not in the units as the person wrote them. */
function wordWarnings(units: readonly Unit[], { spec, facts }: PlanInput): string[] {
  const paths = unusablePaths(spec.request, facts.files)
  const lost = lostExamples(units, spec.request)
  const [first = ''] = lost
  return [
    ...paths.map(
      (path) => `The request names ${shorter(path)}, which cannot be written: ${pathRule}.`,
    ),
    ...(lost.length === 0
      ? []
      : [
          `${counted(lost.length, 'example')} of the request did not fit into the units, from ${shorter(first)} on; agents see ${lost.length === 1 ? 'it' : 'them'} in the request only. Ask for less at once, or write the units in spec.plan.`,
        ]),
  ]
}

function shorter(words: string): string {
  return words.length > 120 ? `${words.slice(0, 117).toWellFormed()}...` : words
}

interface Proposal {
  readonly units: readonly Unit[]
  readonly source: Plan['source']
  readonly documents: boolean
  readonly deployment: boolean
  readonly warnings: readonly string[]
}

async function propose(
  input: PlanInput,
  transcript: TranscriptEntry[],
  options: PlanOptions,
): Promise<Proposal> {
  const { spec, facts, profile } = input
  if (spec.plan !== undefined) {
    const { units, warnings } = personUnits(spec.plan.units, facts)
    return { units, warnings, source: 'person', documents: true, deployment: false }
  }
  if (profile.tier === 'weak') {
    return {
      units: unitsByName(spec.request, facts),
      source: 'template',
      documents: true,
      deployment: false,
      warnings: [
        `${profile.name} is too weak to plan; the units were made from the files and functions the request names.`,
      ],
    }
  }
  return await askForUnits(askerOf(input, options), input, transcript)
}

/** The planner as an asker, with the tokens that the request may still use. */
export function askerOf(
  { call, profile, request, requestUid, spec, usedTokens = 0 }: PlanInput,
  options: PlanOptions,
): Asker {
  return {
    call,
    model: profile.name,
    request,
    requestUid,
    priority: spec.priority,
    budget: { request: { limit: spec.limits.tokens, used: usedTokens } },
    ...options,
  }
}

async function askForUnits(
  asker: Asker,
  input: PlanInput,
  transcript: TranscriptEntry[],
): Promise<Proposal> {
  const { facts, spec } = input
  const { request } = spec
  const notes = await askForNotes(asker, input, transcript)
  let failed: { readonly answer: string; readonly problems: readonly string[] } | undefined
  let why = 'the request is too long for its context'
  let best:
    | { readonly proposal: Proposal; readonly problems: number; readonly entry: number }
    | undefined
  for (let round = 0; round <= mostRepairs; round++) {
    const question = unitsQuestion({ request, facts, notes, failed })
    const purpose = question.purpose
    try {
      const answer = await decide(asker, { ...question, schema: unitsSchema, seed: round + 1 })
      const value = asUnits(answer.value, answer.text)
      const { units, problems } = checkUnits(value, request, facts)
      transcript.push({ purpose, text: answer.text, outcome: problems.join('; ') || 'used' })
      if (units.length > 0 && (best === undefined || problems.length < best.problems)) {
        const documents = value.b_docs || sentencesOf(request).some(isAboutDocuments)
        best = {
          problems: problems.length,
          entry: transcript.length - 1,
          proposal: {
            units: addMissing(withOwnWords(units, request, facts), request, facts),
            source: 'model',
            documents,
            deployment: value.c_deploy,
            warnings: problems.map((problem) => `The plan may be incomplete: ${problem}.`),
          },
        }
      }
      if (problems.length === 0 || answer.text === failed?.answer) break
      failed = { answer: answer.text, problems }
      why = problems[0] ?? why
    } catch (error) {
      const unusable = usableFailure(error)
      transcript.push({ purpose, text: unusable.text, outcome: unusable.message })
      // No other try helps: a longer prompt does not fit either, a refusal stands, and a model that
      // repeats its answer repeats it again.
      if (unusable.code === 'ContextTooSmall') break
      why = withBeginning(unusable.message, beginningOf(unusable.text))
      if (unusable.code === 'QuestionRefused' || unusable.text === failed?.answer) break
      failed = { answer: unusable.text, problems: [unusable.message] }
      if (unusable.code === 'BudgetExhausted') break
    }
  }
  if (best !== undefined) {
    usedAllTheSame(transcript, best.entry)
    return best.proposal
  }
  return {
    units: [oneUnit(request, facts)],
    source: 'template',
    documents: true,
    deployment: false,
    warnings: [
      `The model gave no plan that could be used (${why}); the whole request became one unit.`,
    ],
  }
}

/** Notes help the next answer and are not needed for it, so nothing here fails. */
async function askForNotes(
  asker: Asker,
  input: PlanInput,
  transcript: TranscriptEntry[],
): Promise<string> {
  const question = notesQuestion(input.spec.request, input.facts)
  const { purpose } = question
  try {
    const { text } = await write(asker, question)
    const notes = usableNotes(text)
    transcript.push({ purpose, text, outcome: notes === '' ? 'left out: it leads astray' : 'used' })
    return notes
  } catch (error) {
    const unusable = usableFailure(error)
    // Small models do not stop at 200 tokens; their notes until then are still good.
    transcript.push({ purpose, text: unusable.text, outcome: unusable.message })
    const notes = unusable.code === 'OutputUnusable' ? usableNotes(unusable.text) : ''
    if (notes !== '') usedAllTheSame(transcript, transcript.length - 1)
    return notes
  }
}

/** Notes that copy the example or repeat themselves mislead the next answer; long ones are cut. */
function usableNotes(text: string): string {
  const astray = copiedFromExample(text) !== undefined || createWatchdog().push(text) !== undefined
  return astray ? '' : faithfulText(text.trim(), 1200)
}

/** Notes in the transcript that the plan was made from an answer with faults. */
function usedAllTheSame(transcript: TranscriptEntry[], at: number): void {
  const entry = transcript[at]
  if (entry === undefined || entry.outcome === 'used') return
  transcript[at] = { ...entry, outcome: `used all the same: ${entry.outcome}` }
}

/**
 * Throws errors that the caller must wait for or stop at; gives back those that another try may
 * cure.
 */
function usableFailure(error: unknown): ModelError {
  if (error instanceof ModelError && !error.retryable && error.code !== 'Cancelled') return error
  throw error
}

/**
 * The gateway checked the answer already; another `call` that is injected gets the same safety.
 */
function asUnits(value: unknown, text: string): UnitsAnswer {
  const read = unitsAnswer.safeParse(value)
  if (read.success) return read.data
  throw new ModelError('OutputUnusable', 'the answer holds no units', { text })
}

function documentGoal(request: string, units: readonly Unit[]): string {
  const asked = joinedAll(sentencesOf(request).filter(isAboutDocuments))
  const made = units.map((unit) => `- ${unit.goal} (${unit.files.join(', ')})`).join('\n')
  const routes = isAboutRoutes(request)
    ? ' Name every route with its method, what it takes and what it answers.'
    : ''
  const wanted = asked || 'Say in the README what was added and how to use it.'
  return faithfulText(`${wanted}${routes}\nWhat was made:\n${made}`, 4000)
}

/**
 * The documents that a documentation task of this request writes: the README, and those that the
 * request names.
 */
export function documentFiles(request: string, files: readonly string[]): string[] {
  const readme = files.find((path) => /^readme(?:\.\w+)?$/i.test(path)) ?? 'README.md'
  const named = documentPathsOf(request, files).filter(
    (path) => isDocument(path) && path.toLowerCase() !== readme.toLowerCase(),
  )
  return [readme, ...named].slice(0, 6)
}
