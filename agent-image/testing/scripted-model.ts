// A model for tests of pipelines, without a hub: answers from a list, the last one again and again.
import type { Model, Question } from '../agent/model.ts'
import { resultOf } from './scripted-hub.ts'

export interface ScriptedAnswers extends Model {
  readonly questions: readonly Question[]
}

/** Answers with `answers` in order. `undefined` stands for an answer that the operator could not use. */
export function scriptedModel(answers: readonly (string | undefined)[]): ScriptedAnswers {
  const questions: Question[] = []
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
      const event = resultOf(text ?? '')
      return Promise.resolve(
        text === undefined || event.kind !== 'result'
          ? { kind: 'unusable', message: 'The answer was cut off.' }
          : { kind: 'answer', result: event },
      )
    },
  }
}
