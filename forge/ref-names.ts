// Names that come from outside, checked before they become a path or an argument of git.

const label = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?'
const repositoryPattern = new RegExp(`^${label}$`)
const resultBranchPattern = new RegExp(`^guild/(${label})$`)
const taskBranchPattern = new RegExp(`^guild-task/(${label})/([1-9][0-9]{0,3})$`)

/** A repository's name is a DNS label: it can leave no directory and is no option. */
export function isRepositoryName(name: string): boolean {
  return repositoryPattern.test(name)
}

/** `guild/<request>`, or undefined. */
export function parseResultBranch(branch: string): { readonly request: string } | undefined {
  const request = resultBranchPattern.exec(branch)?.[1]
  return request === undefined ? undefined : { request }
}

/** `guild-task/<task>/<attempt>`, or undefined. The attempt has no leading zero, so one attempt has one spelling. */
export function parseTaskBranch(
  branch: string,
): { readonly task: string; readonly attempt: number } | undefined {
  const match = taskBranchPattern.exec(branch)
  const [, task, attempt] = match ?? []
  return task === undefined ? undefined : { task, attempt: Number(attempt) }
}

/** A full commit id in the one spelling git prints. */
export function isCommitId(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text)
}

/**
 * A branch or tag name that git would accept, stricter than `git check-ref-format`: plain characters only.
 * Guarantees: never an option, never absolute, no `..`, no `@{`, no empty component, none that starts with a dot or ends in `.lock`.
 */
export function isRefName(name: string): boolean {
  if (name.length > 200 || !/^[A-Za-z0-9][A-Za-z0-9._/+-]*$/.test(name)) return false
  return name
    .split('/')
    .every(
      (part) =>
        part !== '' && !part.startsWith('.') && !/\.(?:lock)?$/.test(part) && !part.includes('..'),
    )
}

/** A path inside a commit's tree: relative, with forward slashes, without `.` or `..` as a component. */
export function isTreePath(path: string): boolean {
  if (path.length === 0 || path.length > 4096 || path.includes('\0')) return false
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}
