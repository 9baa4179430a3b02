import type { TestRun } from '../../../agent-image/agent/verify/test-run.ts'

/** The results of tests, by `file > name`; empty for a run without tests. */
export interface RunParts {
  readonly passed?: readonly string[]
  readonly failed?: readonly string[]
  readonly skipped?: readonly string[]
  readonly unrun?: TestRun['unrun']
  readonly asserted?: Readonly<Record<string, number>>
  readonly swallowed?: Readonly<Record<string, string>>
  readonly problems?: readonly string[]
}

/** A run as the runners give it. */
export function runOf(parts: RunParts = {}): TestRun {
  const { passed = [], failed = [], skipped = [], unrun = [], problems = [] } = parts
  return {
    command: 'node --test',
    exitCode: failed.length === 0 ? 0 : 1,
    problems,
    collected: [...passed, ...failed.filter((id) => !id.endsWith('(whole file)')), ...skipped],
    passed,
    failed: failed.map((id) => {
      const at = id.indexOf(' > ')
      return { file: id.slice(0, at), name: id.slice(at + 3), message: 'Error: no', derived: false }
    }),
    skipped,
    unrun,
    asserted: new Map(
      Object.entries(parts.asserted ?? Object.fromEntries(passed.map((id) => [id, 1]))),
    ),
    swallowed: new Map(Object.entries(parts.swallowed ?? {})),
  }
}
