import type { Assignment } from '../../../core/api/agent-protocol.ts'
import { type Action, actionType } from '../../../core/api/agent-types.ts'
import { trailers } from '../../../core/api/names.ts'
import type { TestForge } from './repository.ts'

/** Without `git` no spec is known. */
type Forge = Pick<TestForge, 'url' | 'repository' | 'base'> & Partial<Pick<TestForge, 'git'>>

/** An assignment for a unit `slug` of a request `req`; `overrides` wins. */
export function assignmentFor(
  forge: Forge,
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
    specs: specsOn(forge, overrides.unit ?? 'slug'),
    unchecked: [],
    ...overrides,
  }
}

/**
 * What the operator tells of the specs of a request, read from the trailers of the commits on its
 * branch.
 */
function specsOn(forge: Forge, unit: string): Assignment['specs'] {
  const { git } = forge
  if (git === undefined) return []
  const format = `--format=%H %(trailers:key=${trailers.task},valueonly,separator=%x20)`
  const lines = git('log', format, `${forge.base}..guild/req`).split('\n')
  return lines.flatMap((line) => {
    const [commit = '', task = ''] = line.split(' ')
    if (!/-spec-/.test(task)) return []
    const files = git('diff-tree', '--no-commit-id', '--name-only', '-r', '-z', commit)
    return files
      .split('\0')
      .filter(Boolean)
      .map((path) => ({ unit, path, commit }))
  })
}
