// What the planner asks a model, in words.
import { z } from 'zod'
import type { Unit } from '../api/devrequest.ts'
import { answerSchema, exampleTrap, listed, optionalSection, section } from '../api/prompt-parts.ts'
import type { Question } from '../models/question.ts'
import { type RepositoryFacts, factsInWords } from './facts.ts'

/** At most this many units; more is more than a small model can keep apart. */
export const mostUnits = 4
const mostFiles = 3

/** Finds a copy of the example by the words that only the example has. */
export const copiedFromExample = exampleTrap([
  'zqLamp',
  'zq_lamp',
  'zq-lamp',
  'zqHorn',
  'zq_horn',
  'zq-horn',
])

/** The answer: keys in the order of thinking, which is the alphabetical order. */
export const unitsAnswer = z.object({
  a_units: z
    .array(
      z.object({
        a_goal: z.string(),
        b_files: z.array(z.string()).min(1).max(mostFiles),
        c_done_when: z.string(),
        d_after: z
          .int()
          .min(0)
          .max(mostUnits - 1),
      }),
    )
    .min(1)
    .max(mostUnits),
  b_docs: z.boolean(),
  c_deploy: z.boolean(),
})
export const unitsSchema = answerSchema(unitsAnswer)
export type UnitsAnswer = z.infer<typeof unitsAnswer>

/** First call: think freely, briefly, before anything has to have a shape. */
export function notesQuestion(request: string, facts: RepositoryFacts): Question {
  return {
    purpose: 'plan.notes',
    system: [
      'You read a request for software and say what must exist when it is done.',
      'You write at most six short lines: which functions or parts, in which files, and how they behave.',
      'You write no code and no advice.',
    ].join('\n'),
    sections: [section('Repository', factsInWords(facts)), section('Request', request)],
    instruction: 'What must exist when this request is done? At most six short lines, no code.',
    maxTokens: 200,
  }
}

/** Second call: the units. With `failed`, the same again with what was wrong. */
export function unitsQuestion(input: {
  readonly request: string
  readonly facts: RepositoryFacts
  readonly notes: string
  readonly failed?: { readonly answer: string; readonly problems: readonly string[] } | undefined
}): Question {
  const { request, facts, notes, failed } = input
  // A model that copied the example copies it again as long as it sees it.
  const copied = failed !== undefined && copiedFromExample(failed.answer) !== undefined
  return {
    purpose: failed === undefined ? 'plan.units' : 'plan.repair',
    system: [
      'You split a request for software into units of code.',
      `You make 1 to ${mostUnits} units, as few as possible. A unit is code that can be written and tested on its own.`,
      'Tests, documentation, review and deployment are done by others: make no units for them.',
      'a_goal: what the unit must do, with the names of its functions.',
      `b_files: the 1 to ${mostFiles} source files of the unit. Two units never share a file.`,
      'c_done_when: how one can see that it works: calls with their results, numbers and texts as in the request.',
      'd_after: the number of the earlier unit whose code this one uses, or 0.',
      'b_docs: whether documentation is wanted. c_deploy: whether deployment is wanted.',
    ].join('\n'),
    sections: [
      ...(copied ? [] : optionalSection('Example', exampleFor(facts))),
      section('Repository', factsInWords(facts)),
      ...optionalSection('Notes', notes),
      section('Request', request),
      ...(failed === undefined
        ? []
        : [
            ...(copied ? [] : optionalSection('Your last answer', failed.answer.slice(0, 1500))),
            section('What failed', listed(failed.problems)),
          ]),
    ],
    instruction: `Answer with one JSON object only: {"a_units":[{"a_goal":"","b_files":[""],"c_done_when":"","d_after":0}],"b_docs":true,"c_deploy":false}`,
    // A ceiling, above the usual 400: four units with examples are longer, and a cut answer is worth nothing.
    maxTokens: 900,
  }
}

/** Asks for other units in the place of one that failed. */
export function splitQuestion(
  unit: Pick<Unit, 'goal' | 'files' | 'doneWhen'> & { readonly evidence: readonly string[] },
  facts: RepositoryFacts,
): Question {
  const whole = unitsQuestion({ request: `${unit.goal}\n${unit.doneWhen}`, facts, notes: '' })
  return {
    ...whole,
    purpose: 'plan.split',
    system: `${whole.system}\nSomebody tried to make all of it at once and failed. Make at least two units of it, the simplest first.`,
    sections: [
      ...whole.sections,
      section('Files', unit.files.join(', ')),
      ...optionalSection('What failed', listed(unit.evidence)),
    ],
  }
}

/** From a domain nobody asks for, so that a copy is noticed. */
function exampleFor(facts: RepositoryFacts): string {
  const [lamp, horn] =
    facts.language === 'node' ? ['src/zq-lamp.js', 'src/zq-horn.js'] : ['zq_lamp.py', 'zq_horn.py']
  const answer: UnitsAnswer = {
    a_units: [
      {
        a_goal: 'zqLampHours(month) tells how many hours the lamp of a lighthouse burns',
        b_files: [lamp],
        c_done_when: 'zqLampHours(12) is 16 and zqLampHours(6) is 8',
        d_after: 0,
      },
      {
        a_goal: 'zqHornBlasts(fog, month) counts the blasts of the horn while the lamp burns',
        b_files: [horn],
        c_done_when: 'zqHornBlasts(true, 12) is 960 and zqHornBlasts(false, 12) is 0',
        d_after: 1,
      },
    ],
    b_docs: false,
    c_deploy: false,
  }
  return `For a lighthouse, not for your request:\n${JSON.stringify(answer)}`
}
