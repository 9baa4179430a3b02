import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** One thing that an image is made from: a file, or a fact such as a version. */
export interface HashInput {
  readonly name: string
  readonly content: string | Uint8Array
}

/**
 * A hash over what an image is made from, as 64 hex digits.
 *
 * The order of the inputs does not matter; their names do, so a renamed file is a changed image.
 */
export function contentHash(inputs: readonly HashInput[]): string {
  const sum = createHash('sha256')
  const sorted = inputs.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  for (const { name, content } of sorted) {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    // Lengths in front, or moving a character from a name to a content would not show.
    sum.update(`${Buffer.byteLength(name)}:${bytes.byteLength}:${name}`).update(bytes)
  }
  return sum.digest('hex')
}

/**
 * The files below `root` that `keep` accepts, as paths relative to `root` with slashes, sorted.
 *
 * A `root` that does not exist has no files. Symbolic links are left out.
 */
export async function listFiles(
  root: string,
  keep: (path: string) => boolean = () => true,
): Promise<readonly string[]> {
  const found: string[] = []
  const visit = async (directory: string): Promise<void> => {
    const entries = await readdir(join(root, directory), { withFileTypes: true }).catch(
      (error: unknown) => {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
        throw error
      },
    )
    for (const entry of entries) {
      const path = directory ? `${directory}/${entry.name}` : entry.name
      if (entry.isDirectory()) await visit(path)
      else if (entry.isFile() && keep(path)) found.push(path)
    }
  }
  await visit('')
  return found.toSorted()
}

/** Files below `root` as inputs of {@link contentHash}. Paths are relative to `root`; a missing file is an error. */
export async function fileInputs(
  root: string,
  paths: readonly string[],
): Promise<readonly HashInput[]> {
  return Promise.all(
    paths.map(async (path) => ({ name: path, content: await readFile(join(root, path)) })),
  )
}
