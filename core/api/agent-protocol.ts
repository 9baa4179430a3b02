// What agents and the hub say to each other: JSON over HTTP, version 1.
//
// Every call carries `Authorization: Bearer <projected token, audience guildhall-hub>`; the hub
// learns from TokenReview which Pod (name and uid) speaks and never believes a name in a body.
// Answers other than 2xx carry a JSON object with `code` and `message`.
//
//   GET  /v1/assignments           the agent's stream: one `HubMessage` a line (NDJSON) until either side closes
//   POST /v1/heartbeat             `Heartbeat`   -> 204
//   POST /v1/report                `Report`      -> `ReportReceipt`
//   POST /v1/model                 `ModelCall`   -> one `ModelEvent` a line, the last is `result` or `error`
//   POST /v1/logs                  `LogBatch`    -> 204
import { z } from 'zod'
import { actions, agentTypes, verdicts } from './agent-types.ts'
import { evidence, failure } from './agent-task.ts'
import { mostBeginning } from './plain-text.ts'

/**
 * The times of the agent protocol in milliseconds, each with its meaning. Agents and hub are
 * started apart and may be of two versions, so the relations between them count more than the
 * figures: `agent-protocol.test.ts` holds them.
 */
export const agentTimes = {
  /** How often an agent sends a heartbeat; the hub says so in `welcome`. */
  heartbeatMs: 4_000,
  /** How often the hub sends a ping on each stream. */
  pingMs: 4_000,
  /**
   * An open stream without a heartbeat for this long counts as closed: the process hangs, or the
   * node is gone.
   */
  hubSilenceMs: 12_000,
  /** An agent takes a stream without a line for this long for dead, and connects again. */
  agentSilenceMs: 14_000,
  /** An agent whose stream was closed for this long has lost its task. */
  lostMs: 10_000,
  /**
   * The same after a start of the operator: agents may have to wait for the Service to follow the
   * new leader.
   */
  returnMs: 30_000,
  /**
   * A stream is this old before its agent can be expected to have said everything that it had to
   * say.
   */
  settleMs: 5_000,
  /** A Pod whose stream stays closed for this long is given up. */
  silentMs: 60_000,
  /**
   * The hub takes an attempt for one that is being reported this long after its agent tried: the
   * API server may be away.
   */
  reportingMs: 60_000,
  /**
   * An agent may still speak of an attempt that ended this long ago, because its last log lines
   * come in batches.
   */
  lastWordsMs: 60_000,
} as const

/** A task as it is given to an agent: all it needs, nothing to look up. */
export const assignmentMessage = z.object({
  kind: z.literal('assign'),
  task: z.string(),
  /** Uid of the AgentTask: a task of the same name made later is another one. */
  uid: z.string(),
  request: z.string(),
  /** With the uid the fencing token: everything the agent sends about the task names both. */
  attempt: z.int().min(1),
  type: z.enum(agentTypes),
  action: z.enum(actions),
  title: z.string(),
  goal: z.string(),
  doneWhen: z.string(),
  /**
   * The paths it may write; empty for actions that write nowhere or only where their pipeline says.
   */
  files: z.array(z.string()),
  unit: z.string().optional(),
  /** The whole request, for context. */
  requestText: z.string(),
  /** What other units make: goal and files only. */
  siblings: z.array(z.object({ unit: z.string(), goal: z.string(), files: z.array(z.string()) })),
  /**
   * Base URL of the forge, e.g. http://guildhall-forge:8080. Clone `${forgeUrl}/${repository}.git`.
   */
  forgeUrl: z.string(),
  repository: z.string(),
  /** Commit the request started from. */
  base: z.string(),
  /** The request's branch: start here. */
  branch: z.string(),
  /** The only branch this attempt may push. */
  taskBranch: z.string(),
  model: z.string(),
  /** How strong the model is; sets how many tries an attempt has. */
  tier: z.enum(['weak', 'basic', 'good']),
  contextTokens: z.int(),
  outputTokens: z.int(),
  /** RFC 3339; the hub takes the task away then. */
  deadline: z.string(),
  /** Failures of earlier attempts, newest last. */
  earlier: z.array(z.object({ attempt: z.int(), reason: z.string(), message: z.string() })),
  /** Every finished task of the request, for the closing commit and the review. */
  done: z.array(
    z.object({ task: z.string(), action: z.enum(actions), title: z.string(), summary: z.string() }),
  ),
  /**
   * The test files that tasks of this request committed as specs, by unit: only these decide about
   * a unit. `commit` is where the file was written first, on the request's branch.
   */
  specs: z.array(z.object({ unit: z.string(), path: z.string(), commit: z.string() })).default([]),
  /** Units whose code was written and could be checked by nothing, with why. */
  unchecked: z.array(z.object({ unit: z.string(), why: z.string() })).default([]),
})
export type Assignment = z.infer<typeof assignmentMessage>

/** What the hub says on the assignment stream. */
export const hubMessage = z.discriminatedUnion('kind', [
  /** First line: who the hub thinks you are, and how often to send heartbeats. */
  z.object({ kind: z.literal('welcome'), agent: z.string(), heartbeatSeconds: z.number() }),
  /** Keeps the connection from looking dead; sent every few seconds. No answer is wanted. */
  z.object({ kind: z.literal('ping') }),
  assignmentMessage,
  /** The attempt is no longer yours: stop, report nothing. */
  z.object({
    kind: z.literal('cancel'),
    task: z.string(),
    uid: z.string(),
    attempt: z.int(),
  }),
  /** Finish what you hold, then exit with code 0. */
  z.object({ kind: z.literal('drain') }),
])
export type HubMessage = z.infer<typeof hubMessage>

/** Sent every `heartbeatSeconds` and whenever `activity` changes. */
export const heartbeat = z.object({
  task: z.string().optional(),
  uid: z.string().optional(),
  attempt: z.int().optional(),
  /**
   * A few words for people, e.g. `try 2: repairing after 2 failed tests`. At most 200 characters.
   */
  activity: z.string().max(200).optional(),
  /** Resident memory in bytes, for the registry. */
  memoryBytes: z.int().optional(),
})
export type Heartbeat = z.infer<typeof heartbeat>

/** What came of an attempt. Sent until it is answered; the hub accepts at most one for a task. */
export const report = z.object({
  task: z.string(),
  uid: z.string(),
  attempt: z.int().min(1),
  verdict: z.enum(verdicts),
  summary: z.string().max(1000),
  /** Commit at the tip of the pushed task branch; absent when nothing was pushed. */
  commit: z
    .string()
    .regex(/^[0-9a-f]{40}$/)
    .optional(),
  files: z.array(z.string().max(200)).max(50),
  evidence: z.array(evidence).max(10),
  tries: z.int().min(0).max(100),
  durationSeconds: z.number().min(0),
  notes: z.array(z.string().min(1).max(500)).max(20),
  /** Absent exactly when the work stands (`standingVerdicts`). `remedy` is filled in by the hub. */
  failure: failure.omit({ remedy: true }).optional(),
})
export type Report = z.infer<typeof report>

/**
 * `fenced`: the task belongs to another attempt or Pod, or is over; forget it. `accepted` also for
 * a repeated report.
 */
export const reportReceipt = z.object({
  outcome: z.enum(['accepted', 'fenced']),
  message: z.string(),
})
export type ReportReceipt = z.infer<typeof reportReceipt>

/**
 * A part of a prompt. `must` parts are never dropped; the others go from the last to the first when
 * room is short.
 */
const promptSection = z.object({
  title: z.string().max(120),
  text: z.string(),
  must: z.boolean(),
})
export type PromptSection = z.infer<typeof promptSection>

/**
 * What models are asked for. Metrics tell these apart; whatever else an agent says is `other` to
 * them.
 */
export const purposes = [
  'plan.notes',
  'plan.units',
  'plan.repair',
  'plan.split',
  'code.write',
  'code.repair',
  'fix.write',
  'fix.repair',
  'spec.write',
  'spec.repair',
  'review.findings',
  'document.write',
  'self-test.schema',
  'self-test.fence',
  'self-test.context',
] as const
export type Purpose = (typeof purposes)[number]

/**
 * One question to a model. Two kinds only: *decide* gives an object that follows `schema`;
 * *write* gives text with fenced blocks. The operator owns options, budget, queue and extraction.
 */
export const modelCall = z.object({
  task: z.string(),
  uid: z.string(),
  attempt: z.int(),
  verb: z.enum(['decide', 'write']),
  /** What for: one of `purposes`, from an agent of ours; for traces and metrics. */
  purpose: z.string().max(60),
  system: z.string().max(4000),
  sections: z.array(promptSection).max(20),
  /** The output rule; always the last line of the prompt. */
  instruction: z.string().max(1000),
  /**
   * For `decide`: a JSON schema of the subset that every model server follows; `lintSchema` refuses
   * others.
   */
  schema: z.record(z.string(), z.unknown()).optional(),
  /** 0 for greedy; 0.7 with a new seed for a fresh sample. */
  temperature: z.number().min(0).max(1.5),
  seed: z.int(),
  /** Longest answer in tokens; capped by the model's profile. */
  maxTokens: z.int().min(1),
})
export type ModelCall = z.infer<typeof modelCall>

/**
 * A fenced block of an answer. `path` is what stood before the fence or in its info string, as the
 * model wrote it.
 */
const fencedBlock = z.object({
  path: z.string().optional(),
  language: z.string().optional(),
  text: z.string(),
})
export type FencedBlock = z.infer<typeof fencedBlock>

/** Why a model call gave nothing. `retryable` ones are the surroundings' fault and cost no try. */
const modelErrorCodes = [
  'ModelUnavailable',
  'ModelMissing',
  'OutputUnusable',
  /**
   * The server does not take the question, and will not take it again; the message holds its words.
   */
  'QuestionRefused',
  'ContextTooSmall',
  'BudgetExhausted',
  'Fenced',
  'Cancelled',
] as const
export type ModelErrorCode = (typeof modelErrorCodes)[number]

/** What the hub says while it answers a model call. */
export const modelEvent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('queued'), position: z.int() }),
  z.object({ kind: z.literal('started'), model: z.string() }),
  z.object({ kind: z.literal('progress'), tokens: z.int() }),
  z.object({
    kind: z.literal('result'),
    model: z.string(),
    /** The raw answer. */
    text: z.string(),
    /** For `write`: its fenced blocks, in order. */
    blocks: z.array(fencedBlock),
    /** For `decide`: the extracted object; it followed the schema. */
    value: z.unknown().optional(),
    inputTokens: z.int(),
    outputTokens: z.int(),
    /** Where the trace of this call is found in the operator's log. */
    trace: z.string(),
  }),
  z.object({
    kind: z.literal('error'),
    code: z.enum(modelErrorCodes),
    message: z.string(),
    retryable: z.boolean(),
    /** For `OutputUnusable`: how the answer began, on one line (`beginningOf`). */
    began: z.string().max(mostBeginning).optional(),
  }),
])
export type ModelEvent = z.infer<typeof modelEvent>
export type ModelResult = Extract<ModelEvent, { kind: 'result' }>

/**
 * Lines for the operator's log; they outlive the Pod. `task` and `attempt` count only while the Pod
 * holds them, and a minute longer; otherwise they stand under `claimed`. `fields` stand under
 * `fields`, so that none can pass for one of the hub's.
 */
export const logBatch = z.object({
  lines: z
    .array(
      z.object({
        level: z.enum(['debug', 'info', 'warn', 'error']),
        time: z.string(),
        message: z.string().max(2000),
        task: z.string().optional(),
        attempt: z.int().optional(),
        fields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
      }),
    )
    .max(200),
})
export type LogBatch = z.infer<typeof logBatch>
