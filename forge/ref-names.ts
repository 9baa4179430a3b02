// Names that come from outside, checked before they become a path or an argument of git.

const label = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?'
const repositoryPattern = new RegExp(`^${label}$`)
const resultBranchPattern = new RegExp(`^guild/(${label})$`)
const taskBranchPattern = new RegExp(`^guild-task/(${label})/([1-9][0-9]{0,3})$`)

/**
 * A repository's name is a DNS label: it cannot leave its directory and is not an option of git.
 */
export function isRepositoryName(name: string): boolean {
  return repositoryPattern.test(name)
}

/** `guild/<request>`, or undefined. */
export function parseResultBranch(branch: string): { readonly request: string } | undefined {
  const request = resultBranchPattern.exec(branch)?.[1]
  return request === undefined ? undefined : { request }
}

/**
 * `guild-task/<task>/<attempt>`, or undefined. The attempt has no leading zero, so one attempt has
 * one spelling.
 */
export function parseTaskBranch(
  branch: string,
): { readonly task: string; readonly attempt: number } | undefined {
  const match = taskBranchPattern.exec(branch)
  const [, task, attempt] = match ?? []
  return task === undefined ? undefined : { task, attempt: Number(attempt) }
}

/** Below it are refs that clients never see (`transfer.hideRefs`). */
export const hiddenRefs = 'refs/guildhall'

/** Keeps the commit that the request's branch was made from. */
export const baseRef = (request: string): string => `${hiddenRefs}/base/${request}`

/** A full commit id in the one spelling git prints. */
export function isCommitId(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text)
}

// What `git check-ref-format` refuses in a name: controls, the blank and the signs of git's
// revision syntax.
// oxlint-disable-next-line no-control-regex
const noRefSign = /[\u0000-\u0020\u007F-\u009F~^:?*[\\]/

/**
 * A branch or tag name that git accepts, in any script: the rules of `git check-ref-format
 * --branch`.
 * Guarantees: never an option, never absolute, no `..`, no `@{`, no control character, no empty
 * component, none that starts with a dot or ends in `.lock`.
 */
export function isRefName(name: string): boolean {
  return name.length <= 200 && isWellFormed(name)
}

/**
 * The full name of a branch, a tag or a ref of the forge's own. A source may have longer names than
 * people may give.
 */
export function isFullRef(name: string): boolean {
  return name.startsWith('refs/') && name.length <= 1000 && isWellFormed(name)
}

function isWellFormed(name: string): boolean {
  if (noRefSign.test(name) || !name.isWellFormed()) return false
  if (name.startsWith('-') || name.endsWith('.') || name === '@') return false
  if (name.includes('..') || name.includes('@{')) return false
  return name
    .split('/')
    .every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'))
}

/**
 * A path inside a commit's tree: relative, with forward slashes, without `.` or `..` as a
 * component.
 */
export function isTreePath(path: string): boolean {
  if (path.length === 0 || path.length > 4096 || path.includes('\0')) return false
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}
