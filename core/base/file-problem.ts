/** Why a file cannot be read or written, in words that fit behind its path and a colon. */
export function fileProblem(cause: unknown): string {
  const said = cause instanceof Error ? cause.message : String(cause)
  const { code = '' } = (cause ?? {}) as { readonly code?: unknown }
  return words[String(code)] ?? said.split('\n')[0] ?? ''
}

const words: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder, not a file',
  ENOTDIR: 'a part of its path is a file, not a folder',
  EACCES: 'the rights of this user do not allow it',
  EPERM: 'the rights of this user do not allow it',
  EROFS: 'the file system can only be read',
  ENOSPC: 'there is no space left',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'it is a link that leads to itself',
}
