import type { Assignment } from '../../core/api/agent-protocol.ts'
import type { Verdict } from '../../core/api/agent-types.ts'
import { trailers } from '../../core/api/names.ts'

/** Who made a commit, for its trailers. */
export interface CommitOrigin {
  readonly agent: string
  /** The model that answered; `none` where none was asked. */
  readonly model: string
  readonly verdict: Verdict
}

/** A commit message: subject of at most 72 characters, body, trailers in the order of the table of names. */
export function commitMessage(
  subject: string,
  body: string,
  assignment: Assignment,
  origin: CommitOrigin,
): string {
  const values: Record<keyof typeof trailers, string> = {
    request: assignment.request,
    task: assignment.task,
    agent: origin.agent,
    model: origin.model,
    attempts: String(assignment.attempt),
    verdict: origin.verdict,
  }
  const lines = Object.entries(trailers).map(
    ([key, name]) => `${name}: ${oneLine(values[key as keyof typeof trailers])}`,
  )
  const text = body.trim() === '' ? '' : `${wrap(body.trim())}\n\n`
  return `${oneLine(subject).slice(0, 72)}\n\n${text}${lines.join('\n')}\n`
}

/** Model text and task text must not be able to add a line, and so a trailer, of their own. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

function wrap(text: string): string {
  const lines: string[] = []
  for (const word of oneLine(text).split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < 72)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines.join('\n')
}
