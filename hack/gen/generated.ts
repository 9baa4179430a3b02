import { readFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { allKinds } from '../../core/api/kinds.ts'
import { chartFiles } from './chart-files.ts'
import { crdManifest, kindTable, kindsReference } from './kinds-files.ts'
import { crdOf } from './crd.ts'
import type { GeneratedFile } from './generated-file.ts'

/**
 * Everything that is generated, from the sources as they are now.
 *
 * @throws {Error} when a source gives a file that the API server or helm would refuse; nothing is written then.
 */
export function generatedFiles(): readonly GeneratedFile[] {
  const crds = allKinds.map((kind) => crdOf(kind))
  return [...crds.map(crdManifest), kindTable(), kindsReference(crds), ...chartFiles()]
}

/** How a file on disk differs from what would be generated. */
interface StaleFile {
  readonly path: string
  /** For people: `missing`, or the first line that differs. */
  readonly difference: string
}

/** Writes the files that changed, and returns their paths. */
export async function writeGenerated(
  root: string,
  files: readonly GeneratedFile[],
): Promise<readonly string[]> {
  const stale = await staleFiles(root, files)
  const changed = files.filter(({ path }) => stale.some((one) => one.path === path))
  for (const { path, text } of changed) {
    const target = join(root, path)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, text)
  }
  return changed.map(({ path }) => path)
}

/** The files whose content on disk is not what would be generated now. */
export async function staleFiles(
  root: string,
  files: readonly GeneratedFile[],
): Promise<readonly StaleFile[]> {
  const compared = await Promise.all(
    files.map(async ({ path, text }) => ({
      path,
      difference: firstDifference(await contentOf(join(root, path)), text),
    })),
  )
  return compared.flatMap(({ path, difference }) => (difference ? [{ path, difference }] : []))
}

/** Where two texts part, in words; undefined when they are equal. */
export function firstDifference(have: string | undefined, want: string): string | undefined {
  if (have === undefined) return 'missing'
  if (have === want) return undefined
  const haveLines = have.split('\n')
  const wantLines = want.split('\n')
  const at = wantLines.findIndex((line, index) => line !== haveLines[index])
  const line = at === -1 ? wantLines.length : at
  return `line ${line + 1} is ${shown(haveLines[line])}, would be ${shown(wantLines[line])}`
}

function shown(line: string | undefined): string {
  return line === undefined ? 'nothing' : JSON.stringify(line.slice(0, 100))
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
