// What agents say, as it may go on to objects, Events, logs, terminals and models. Agents pass on the words of programs
// that models wrote: names of tests, messages of errors, lines of files.
import { printedLine, printedText, promptText } from '../../core/api/plain-text.ts'
import type { Heartbeat, LogBatch, ModelCall, Report } from '../../core/api/agent-protocol.ts'

/**
 * A report without orders to a terminal and hidden characters.
 * Guarantees: as short as it was; texts that must not be empty are not.
 */
export function plainReport(report: Report): Report {
  const { summary, evidence, notes, failure } = report
  return {
    ...report,
    summary: printedText(summary, 1000).trim(),
    evidence: evidence.map((entry) => ({
      ...entry,
      command: printedLine(entry.command, 300) || 'a command without a name',
      digest: printedText(entry.digest, 2000),
    })),
    notes: notes.flatMap((said) => printedText(said, 500).trim() || []),
    ...(failure === undefined
      ? {}
      : { failure: { ...failure, message: printedText(failure.message, 1000) } }),
  }
}

/** A heartbeat whose activity is one plain line. */
export function plainBeat(beat: Heartbeat): Heartbeat {
  return beat.activity === undefined ? beat : { ...beat, activity: printedLine(beat.activity, 200) }
}

/** A model call whose prompt has no controls; what sections quote keeps its meaning. */
export function plainCall(call: ModelCall): ModelCall {
  return {
    ...call,
    purpose: printedLine(call.purpose, 60),
    system: promptText(call.system),
    sections: call.sections.map((section) => ({
      ...section,
      title: printedLine(section.title, 120),
      text: promptText(section.text),
    })),
    instruction: promptText(call.instruction),
  }
}

type LogLine = LogBatch['lines'][number]

/** What an agent says in a log line, beside the task: none of it may name a field of ours, so it stands under one key. */
export function plainLogLine({ message, time, fields }: LogLine): {
  readonly message: string
  readonly at: string
  readonly fields: NonNullable<LogLine['fields']> | undefined
} {
  const said = Object.entries(fields ?? {}).map(([key, value]) => [
    printedLine(key, 60),
    typeof value === 'string' ? printedLine(value, 1000) : value,
  ])
  return {
    message: printedText(message, 2000),
    at: printedLine(time, 40),
    fields: said.length === 0 ? undefined : Object.fromEntries(said),
  }
}
