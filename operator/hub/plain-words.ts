// Cleans the texts of agents before they reach objects, Events, logs, terminals and models. Agents pass on the output of
// programs that models wrote: names of tests, error messages, lines of files.
import { printedLine, printedText, promptText } from '../../core/api/plain-text.ts'
import type { Heartbeat, LogBatch, ModelCall, Report } from '../../core/api/agent-protocol.ts'

/**
 * A report without terminal control sequences and hidden characters.
 * Guarantees: no text grows, and no text that the schema requires becomes empty.
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

/** A model call without control characters in its prompt; quoted files keep their meaning. */
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

/** The message and fields of an agent's log line. The fields stand under one key, so that none overwrites a field of the operator. */
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
