import { TaskFailure } from './failure.ts'

/** `path` itself, when it is relative, stays inside and touches no git directory; throws `TaskFailure` otherwise. */
export function safePath(path: string): string {
  const parts = path.split('/')
  const bad = parts.some(
    (part) => part === '' || part === '.' || part === '..' || /^\.git$/i.test(part),
  )
  if (bad || path.length > 200 || /[\p{Cc}\\:]/u.test(path))
    throw new TaskFailure('ScopeViolated', `the path ${JSON.stringify(path)} is not allowed`)
  return path
}
