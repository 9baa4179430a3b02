// What the agent asks of the sandbox: JSON over HTTP on a unix socket that only the two containers of one Pod share.
//
//   POST /exec   `ExecRequest`  -> `ExecResult`    one at a time; others wait their turn
//   POST /reset  `ResetRequest` -> `{}`            kills what runs, and removes a folder
//   GET  /healthz
// Answers other than 2xx carry `{code, message}`.
import { z } from 'zod'

/** Variables a caller may set. Everything else of the environment is fixed by the sandbox. */
export const allowedVariables = [
  'NODE_ENV',
  'PYTHONPATH',
  'PYTHONDONTWRITEBYTECODE',
  'PYTHONHASHSEED',
  'TZ',
] as const

/** Stands for the path of a private file that comes back as `ExecResult.report`; allowed in `argv`. */
export const reportPlaceholder = '{report}'

/** One command. There is no shell: `argv` is what runs. */
export const execRequest = z.strictObject({
  argv: z.array(z.string().max(8192)).min(1).max(600),
  /** Absolute; the workspace or a folder below it. */
  cwd: z.string().max(4096),
  env: z.partialRecord(z.enum(allowedVariables), z.string().max(8192)).default({}),
  timeoutSeconds: z.number().min(0.1).max(3600),
  /** Of each stream at most this many bytes come back: the head, a line that counts what was left out, the tail. */
  outputBytes: z.int().min(0).max(1_048_576).default(65_536),
  /** Written to the command's standard input; the test runners read their key from there. */
  stdin: z.string().max(65_536).default(''),
})
export type ExecRequest = z.input<typeof execRequest>
export type CheckedExecRequest = z.output<typeof execRequest>

export const execResult = z.object({
  /** Absent when a signal ended it. 127 when the program could not be started. */
  exitCode: z.int().optional(),
  signal: z.string().optional(),
  timedOut: z.boolean(),
  stdout: z.string(),
  stderr: z.string(),
  /** What the command wrote to the report file; absent when it wrote none, or more than 8 MiB. */
  report: z.string().optional(),
  /** Processes that were still there after the command ended, and were killed. */
  strays: z.int(),
  durationMs: z.number(),
})
export type ExecResult = z.infer<typeof execResult>

export const resetRequest = z.strictObject({
  /** Absolute; a folder below the workspace that is removed with the sandbox's rights. */
  remove: z.string().max(4096).optional(),
})
export type ResetRequest = z.infer<typeof resetRequest>
