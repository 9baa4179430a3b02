import type { Assignment } from '../../operator/api/agent-protocol.ts'
import { type Action, actionType } from '../../operator/api/agent-types.ts'
import type { TestForge } from './repository.ts'

/** An assignment for a unit `slug` of a request `req`; `overrides` wins. */
export function assignmentFor(
  forge: Pick<TestForge, 'url' | 'repository' | 'base'>,
  action: Action,
  overrides: Partial<Assignment> = {},
): Assignment {
  const task = overrides.task ?? `req-${action}-slug`
  const attempt = overrides.attempt ?? 1
  return {
    kind: 'assign',
    task,
    uid: `uid-${task}`,
    request: 'req',
    attempt,
    type: actionType[action],
    action,
    title: 'Make slugs',
    goal: 'A function slugify(text) that makes a slug of a title.',
    doneWhen: "slugify('Hello World') is 'hello-world'; surrounding blanks are dropped.",
    files: ['src/slug.js'],
    unit: 'slug',
    requestText: 'Add a function slugify to the project.',
    siblings: [],
    forgeUrl: forge.url,
    repository: forge.repository,
    base: forge.base,
    branch: 'guild/req',
    taskBranch: `guild-task/${task}/${attempt}`,
    model: 'rehearsal',
    tier: 'good',
    contextTokens: 8192,
    outputTokens: 2048,
    deadline: new Date(Date.now() + 300_000).toISOString(),
    earlier: [],
    done: [],
    ...overrides,
  }
}
