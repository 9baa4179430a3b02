// Runs the cases of agents: the real pipelines, asked through the real gateway, on files that are
// held in memory.
import { stripTypeScriptTypes } from 'node:module'
import { expect } from 'vitest'
import type { Assignment } from '../../core/api/agent-protocol.ts'
import type { Action } from '../../core/api/agent-types.ts'
import { ModelError } from '../../core/models/errors.ts'
import { assignmentFor } from '../support/agent/assignment.ts'
import type { Model } from '../../agent-image/agent/model.ts'
import { type TaskOutcome, reportOf } from '../../agent-image/agent/outcome.ts'
import { tryOnce } from '../../agent-image/agent/pipelines/candidate.ts'
import { document } from '../../agent-image/agent/pipelines/document.ts'
import { type PipelineContext, projectAt } from '../../agent-image/agent/pipelines/pipeline.ts'
import { review } from '../../agent-image/agent/pipelines/review.ts'
import { spec } from '../../agent-image/agent/pipelines/spec.ts'
import type { Runner } from '../../agent-image/agent/verify/runner.ts'
import { factsOf } from '../../agent-image/agent/code/read-code.ts'
import { declaredTests } from '../../agent-image/agent/verify/spec-text.ts'
import type { Changes } from '../../agent-image/agent/workspace/workspace.ts'
import { hasHiddenCharacters } from '../../core/api/plain-text.ts'
import {
  type CodeCase,
  type DocumentCase,
  type ReviewCase,
  type SpecCase,
  answersOf,
  filesOf,
} from './corpus.ts'
import { runOf } from '../support/agent/runs.ts'
import type { SpeakingModel } from './model-server.ts'

type AgentCase = CodeCase | DocumentCase | ReviewCase | SpecCase

/** One file of the task, asked for once. */
export async function checkCodeCase(one: CodeCase, model: SpeakingModel): Promise<void> {
  const files = [one.file, ...one.others]
  const { context } = stage(one, model, 'code', { files, ...goalOf(one.goal) })
  const project = await projectAt(context)
  const how = { kind: 'fresh', number: 1, temperature: 0, seed: 1 } as const
  const candidate = await tryOnce(
    context,
    {
      purpose: 'code',
      files: [one.file],
      spec: undefined,
      baseline: passing,
      deciders: { specs: new Map(), related: new Set() },
      habits: { kindOf: () => 'module', imports: new Set() },
      project,
    },
    how,
    undefined,
  )
  if ('refuses' in one.want) {
    expect(candidate.problem).toContain(one.want.refuses)
    expect(candidate.state).toBe('rejected')
  } else {
    expect(candidate.problem).toBe('')
    expect([...(candidate.changes ?? [])]).toEqual([[one.file, one.want.takes]])
  }
}

/**
 * The tests of the unit, by the whole pipeline; every test that is declared fails before the code
 * exists.
 */
export async function checkSpecCase(one: SpecCase, model: SpeakingModel): Promise<void> {
  const { context, committed } = stage(one, model, 'spec', {})
  const outcome = await spec(context)
  expectReport(context.assignment, outcome)
  if ('refuses' in one.want) {
    expect(outcome.failure?.message).toContain(one.want.refuses)
    expect(committed()).toBeUndefined()
  } else {
    expect(outcome.failure).toBeUndefined()
    const path = one.want.as ?? 'test/slug.test.js'
    expect([...(committed() ?? [])]).toEqual([[path, one.want.takes]])
  }
}

/** The prose of the README; a refused answer leaves the generated table alone. */
export async function checkDocumentCase(one: DocumentCase, model: SpeakingModel): Promise<void> {
  const { context, committed } = stage(one, model, 'document', {})
  const outcome = await document(context)
  expectReport(context.assignment, outcome)
  const text = committed()?.get('README.md') ?? ''
  expect(text).toContain('| `src/slug.js` |')
  const prose = text.split('## Usage\n\n')[1]?.split('| file | offers |')[0]?.trim()
  if ('refuses' in one.want) {
    expect(outcome.notes?.join('\n')).toContain(one.want.refuses)
    expect(prose).toBe('')
  } else {
    expect(outcome.notes).toEqual([])
    expect(prose).toBe(one.want.takes)
  }
}

/** One finding about one file, or none. */
export async function checkReviewCase(one: ReviewCase, model: SpeakingModel): Promise<void> {
  const { context } = stage(one, model, 'review', {})
  const outcome = await review(context)
  expectReport(context.assignment, outcome)
  const notes = (outcome.notes ?? []).filter((note) => /\(model\)|the model gave/.test(note))
  const [note = 'none'] = notes
  expect(notes.length).toBeLessThanOrEqual(1)
  expect(note.startsWith('the model gave no usable answer') ? 'unusable' : note).toBe(
    one.want.finding,
  )
}

/** A report must fit the protocol whatever a model said, and show all that it holds. */
function expectReport(assignment: Assignment, outcome: TaskOutcome): void {
  const report = reportOf(assignment, outcome, 1, 1)
  for (const text of [report.summary, report.failure?.message ?? '', ...report.notes]) {
    expect(hasHiddenCharacters(text)).toBe(false)
  }
}

const slug =
  "export function slugify(text) {\n  return text.toLowerCase().replaceAll(' ', '-')\n}\n"

function stage(
  one: AgentCase,
  model: SpeakingModel,
  action: Action,
  more: Partial<Assignment>,
): { readonly context: PipelineContext; readonly committed: () => Changes | undefined } {
  model.say({ answers: answersOf(one), ends: one.ends })
  const written = action === 'document' || action === 'review'
  const repository = filesOf(one.files) ?? new Map(written ? [['src/slug.js', slug]] : [])
  const forge = { url: 'http://forge', repository: 'hello', base: '0'.repeat(40) }
  const requestText = one.request === undefined ? {} : { requestText: one.request }
  const assignment = assignmentFor(forge, action, { ...requestText, ...more })
  let committed: Changes | undefined
  const read = async (path: string) => repository.get(path)
  return {
    committed: () => committed,
    context: {
      assignment,
      agent: 'otto',
      model: modelOf(model),
      runner: runnerOf(),
      activity: () => undefined,
      signal: new AbortController().signal,
      workspace: {
        root: '/workspace',
        head: '1'.repeat(40),
        files: async () => [...repository.keys()].toSorted(),
        read,
        stateOf: async (path) => {
          const text = repository.get(path)
          return text === undefined ? { kind: 'absent' } : { kind: 'text', text }
        },
        readAll: async (paths) => new Map([...repository].filter(([path]) => paths.includes(path))),
        restore: async () => undefined,
        altered: async () => [],
        left: async () => [],
        diff: async () => [...repository].map(([path, text]) => added(path, text)).join(''),
        commit: async (changes) => {
          committed = changes
          return '2'.repeat(40)
        },
        push: async () => undefined,
        close: async () => undefined,
      },
    },
  }
}

function goalOf(goal: string | undefined): Partial<Assignment> {
  return goal === undefined ? {} : { goal }
}

function added(path: string, text: string): string {
  const lines = text.replace(/\n$/, '').split('\n')
  const head = `diff --git a/${path} b/${path}\nnew file mode 100644\n--- /dev/null\n+++ b/${path}\n`
  return `${head}@@ -0,0 +1,${lines.length} @@\n${lines.map((one) => `+${one}\n`).join('')}`
}

function modelOf({ gateway, profile }: SpeakingModel): Model {
  let asked = 0
  return {
    get asked() {
      return asked
    },
    name: profile.name,
    waitsFor: undefined,
    async ask(question) {
      asked++
      const call = { ...question, model: profile.name, request: 'req', priority: 'normal' } as const
      try {
        return { kind: 'answer', result: await gateway.call(call) }
      } catch (error) {
        if (!(error instanceof ModelError) || error.code !== 'OutputUnusable') throw error
        return { kind: 'unusable', message: error.message }
      }
    },
  }
}

const passing = runOf()

/** Syntax by Node's own parser; every declared test fails, and what declares none passes. */
function runnerOf(): Runner {
  return {
    read: (files) =>
      Promise.resolve(new Map([...files].map(([path, text]) => [path, factsOf(path, text)]))),
    async syntax(changes) {
      for (const [file, text] of changes) {
        try {
          if (file.endsWith('.json')) JSON.parse(text)
          const code = /\.(?:m|c)?[jt]s$/.test(file) ? stripTypeScriptTypes(text) : text
          if (code !== text && file.endsWith('js')) throw new SyntaxError('Unexpected type')
        } catch (error) {
          return { file, message: error instanceof Error ? error.message : '' }
        }
      }
      return undefined
    },
    async test(files, changes) {
      const failed = files.flatMap((file) =>
        declaredTests(file, changes.get(file) ?? '').map((name) => {
          return { file, name, message: 'not implemented yet', derived: false }
        }),
      )
      const collected = failed.map(({ file, name }) => `${file} > ${name}`)
      return { ...passing, exitCode: failed.length, collected, failed }
    },
    load: (paths) =>
      Promise.resolve(paths.map((path) => ({ path, outcome: 'loaded' as const, message: '' }))),
  }
}
