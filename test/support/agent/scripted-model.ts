// A model for tests of pipelines, without a hub: answers from a list, the last one again and again.
import type { FencedBlock } from '../../../core/api/agent-protocol.ts'
import type { ModelAnswer, Model, ModelQuestion } from '../../../agent-image/agent/model.ts'
import { resultOf } from './scripted-hub.ts'

export type ScriptedAnswer = string | undefined | Exclude<ModelAnswer, { kind: 'answer' }>

export interface ScriptedAnswers extends Model {
  readonly questions: readonly ModelQuestion[]
}

/**
 * Answers with `answers` in order. `undefined` stands for an answer that the operator could not use, any other `Answer` for
 * itself. `blocksOf` finds the blocks of an answer, in the place of the simple reader of these tests.
 */
export function scriptedModel(
  answers: readonly ScriptedAnswer[],
  blocksOf?: (text: string) => FencedBlock[],
): ScriptedAnswers {
  const questions: ModelQuestion[] = []
  return {
    questions,
    get asked() {
      return questions.length
    },
    name: 'rehearsal',
    waitsFor: undefined,
    ask(question) {
      const text = answers[Math.min(questions.length, answers.length - 1)]
      questions.push(question)
      if (typeof text === 'object') return Promise.resolve(text)
      const event = resultOf(text ?? '')
      return Promise.resolve(
        text === undefined || event.kind !== 'result'
          ? { kind: 'unusable', message: 'The answer was cut off.' }
          : {
              kind: 'answer',
              result: blocksOf === undefined ? event : { ...event, blocks: blocksOf(text) },
            },
      )
    },
  }
}
