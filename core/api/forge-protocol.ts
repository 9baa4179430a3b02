// What the operator and the CLI ask of the forge: JSON over HTTP, besides git's own smart HTTP
// under `/<repository>.git`.
//
// The forge decides from the TokenReview alone who may do what:
//   the operator's ServiceAccount (audience guildhall-forge)   everything below
//   an agent Pod (audience guildhall-hub)                      clone; push only the task branch of the attempt it holds
//   a reader (audience guildhall-forge, ServiceAccount guildhall-reader; people get it with `kubectl create token`)
//                                                              clone, and GET below
//
//   PUT  /api/repositories/{name}                       `EnsureRepository` -> `RepositoryState`     idempotent
//   GET  /api/repositories/{name}/branches/{branch}     -> `BranchState`; 404 when there is none
//   GET  /api/repositories/{name}/tree/{commit}         -> `TreeListing`
//   GET  /api/repositories/{name}/blob/{commit}?path=   -> text (at most 256 KiB)
//   POST /api/repositories/{name}/integrate             `Integrate` -> `IntegrateResult`            idempotent
//   GET  /healthz
// Answers other than 2xx carry a JSON object with `code` (`ForgeProblemCode`) and `message`.
import { z } from 'zod'
import { actions } from './agent-types.ts'

/**
 * Makes a repository and the request's branch, or finds them. The same body again changes nothing.
 */
export const ensureRepository = z.object({
  source: z.union([
    z.object({ template: z.object({ name: z.enum(['empty', 'node', 'python']) }) }),
    z.object({ repository: z.object({ name: z.string(), ref: z.string().optional() }) }),
    z.object({ git: z.object({ url: z.string(), ref: z.string().optional() }) }),
  ]),
  /** `guild/<request>`; made from the source's ref when it does not exist yet. */
  branch: z.string(),
  /** Shown in a new template's README and package name. */
  title: z.string(),
})
export type EnsureRepository = z.infer<typeof ensureRepository>

export const repositoryState = z.object({
  repository: z.string(),
  branch: z.string(),
  /** Commit the branch was made from. */
  base: z.string(),
  /** Newest commit of the branch. */
  head: z.string(),
})
export type RepositoryState = z.infer<typeof repositoryState>

export const branchState = z.object({
  branch: z.string(),
  head: z.string(),
  /** Commits reachable from the head and not from `base` (query parameter), when given. */
  commits: z.int(),
})
export type BranchState = z.infer<typeof branchState>

export const treeListing = z.object({
  commit: z.string(),
  /** Regular files only, sorted; at most 2,000. */
  files: z.array(z.object({ path: z.string(), bytes: z.int() })),
  truncated: z.boolean(),
})
export type TreeListing = z.infer<typeof treeListing>

/**
 * Merges a task's commit into the request's branch, if the task may make its changes and it merges
 * cleanly.
 */
export const integrate = z.object({
  into: z.string(),
  /** The task branch; its tip must be `commit`. */
  from: z.string(),
  commit: z.string().regex(/^[0-9a-f]{40}$/),
  /**
   * From the spec of the AgentTask: the files that it may change. Without it, nothing may change.
   */
  task: z
    .object({ action: z.enum(actions), files: z.array(z.string()).max(100) })
    .default({ action: 'verify', files: [] }),
  /** Subject of the merge commit; trailers are added by the forge in this order. */
  subject: z.string().max(200),
  trailers: z.array(z.object({ name: z.string(), value: z.string() })).max(20),
})
export type Integrate = z.infer<typeof integrate>

export const integrateResult = z.discriminatedUnion('outcome', [
  /** `commit` is the new tip of `into`. */
  z.object({ outcome: z.literal('merged'), commit: z.string() }),
  /** The commit was in `into` already. */
  z.object({ outcome: z.literal('contained'), commit: z.string() }),
  z.object({ outcome: z.literal('conflict'), files: z.array(z.string()) }),
  /**
   * The commit changes a path that its task may not change; `message` is a sentence that names it.
   * Nothing moved.
   */
  z.object({ outcome: z.literal('refused'), message: z.string() }),
])
export type IntegrateResult = z.infer<typeof integrateResult>

/** Stable codes of refusals. */
const forgeProblemCodes = [
  'Unauthorized',
  'Forbidden',
  'NotFound',
  'BadRequest',
  /** The source cannot be reached or has no such ref. */
  'SourceUnavailable',
  'BranchMoved',
  'DiskFull',
  'Internal',
] as const
export type ForgeProblemCode = (typeof forgeProblemCodes)[number]
