// The requests of the agent to the sandbox: JSON over HTTP on a unix socket that only the two
// containers of one Pod share.
//
//   POST /exec     `ExecRequest`  -> `ExecResult`    one at a time; others wait their turn
//   POST /reset    `ResetRequest` -> `{}`            kills what runs, and removes what it left
//   GET  /identity                -> `identified`    the key that signs the answers
//   GET  /healthz
// Answers other than 2xx carry `{code, message}`. A request with the header `nonceHeader` gets an
// answer with `signatureHeader`: the Ed25519 signature of `signedText`. Before a command starts,
// `103 Early Hints` is sent, signed like an answer without a body; it needs a header
// `link`, whose value has no meaning here.
import { createHash } from 'node:crypto'
import { z } from 'zod'

/** Variables a caller may set. Everything else of the environment is fixed by the sandbox. */
const allowedVariables = [
  'NODE_ENV',
  'PYTHONPATH',
  'PYTHONDONTWRITEBYTECODE',
  'PYTHONHASHSEED',
  'TZ',
] as const

/**
 * Stands for the path of a private file that comes back as `ExecResult.report`; allowed in `argv`.
 */
export const reportPlaceholder = '{report}'

/** Bytes of a request's body. */
export const requestLimitBytes = 2 * 1024 * 1024
/** Bytes of a command's report. */
export const reportLimitBytes = 32 * 1024 * 1024

/** Carries text that was never used before and that a command cannot guess. */
export const nonceHeader = 'x-guildhall-nonce'
/** Base64. */
export const signatureHeader = 'x-guildhall-signature'

/**
 * The text that is signed: request and answer as they went over the wire, so that no answer can be
 * used for another request.
 */
export function signedText(call: {
  readonly nonce: string
  readonly path: string
  readonly request: string
  readonly status: number
  readonly answer: string
}): string {
  const digest = (text: string) => createHash('sha256').update(text).digest('hex')
  return [call.nonce, call.path, digest(call.request), call.status, digest(call.answer)].join('\n')
}

/** Status of the signed word that a command begins now. */
export const begunStatus = 103

export const identified = z.object({
  /** DER (SPKI) of an Ed25519 key, base64. */
  publicKey: z.string(),
})

/** One command. There is no shell: `argv` is what runs. */
export const execRequest = z.strictObject({
  argv: z.array(z.string().max(8192)).min(1).max(600),
  /** Absolute; the workspace or a folder below it. */
  cwd: z.string().max(4096),
  env: z.partialRecord(z.enum(allowedVariables), z.string().max(8192)).default({}),
  timeoutSeconds: z.number().min(0.1).max(3600),
  /**
   * Whether HOME, TMPDIR and the places for temporary files stay as the last command left them;
   * otherwise they are cleared first.
   */
  asLeft: z.boolean().default(false),
  /**
   * Of each stream at most this many bytes come back: the head, a line that counts what was left
   * out, the tail.
   */
  outputBytes: z.int().min(0).max(1_048_576).default(65_536),
  /** Written to the command's standard input; the test runners read their key from there. */
  stdin: z.string().max(1_048_576).default(''),
})
export type ExecRequest = z.input<typeof execRequest>
export type CheckedExecRequest = z.output<typeof execRequest>

export const execResult = z.object({
  /** Absent when a signal ended it. 127 when the program could not be started. */
  exitCode: z.int().optional(),
  signal: z.string().optional(),
  timedOut: z.boolean(),
  stdout: z.string(),
  /**
   * Begins with a sentence of the sandbox when the sandbox ended the command or one of its
   * processes.
   */
  stderr: z.string(),
  /**
   * Why the sandbox ended the command or one of its processes; absent when it used no more than it
   * may.
   */
  exceeded: z.string().optional(),
  /**
   * What the command wrote to the report file; absent when it wrote none, no regular file, or more
   * than 32 MiB.
   */
  report: z.string().optional(),
  /** Processes that were still there after the command ended, and were killed. */
  strays: z.int(),
  durationMs: z.number(),
})
export type ExecResult = z.infer<typeof execResult>

/**
 * A reset kills what runs and removes temporary files. Without a folder it is the end of an
 * attempt: in a container of its own the sandbox then also removes everything of its user's in the
 * workspace.
 */
export const resetRequest = z.strictObject({
  /**
   * Absolute; a folder, or anything else, below the workspace that is removed with the sandbox's
   * rights.
   */
  remove: z.string().max(4096).optional(),
  /**
   * Absolute; a folder below the workspace that stays and whose entries are removed with the
   * sandbox's rights.
   */
  empty: z.string().max(4096).optional(),
})
export type ResetRequest = z.infer<typeof resetRequest>
