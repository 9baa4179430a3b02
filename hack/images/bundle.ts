import { build } from 'esbuild'
import { join } from 'node:path'
import type { HashInput } from './content-hash.ts'
import { repository } from './repository.ts'

/**
 * Bundles TypeScript programs into one file each, with their source maps, in memory.
 *
 * `programs` maps the name of a result (`agent` for `agent.js`) to its source, relative to the repository. The same
 * sources give the same bytes, so the result is also what an image's hash is computed from. Throws an Error with
 * esbuild's messages when the sources do not bundle.
 */
export async function bundlePrograms(
  programs: Readonly<Record<string, string>>,
): Promise<readonly HashInput[]> {
  const result = await build({
    absWorkingDir: repository,
    entryPoints: { ...programs },
    outdir: 'bundle',
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'eof',
    logLevel: 'silent',
    // Dependencies in CommonJS call require, which an ES module does not have by itself.
    banner: {
      js: "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);",
    },
  }).catch((error: unknown) => {
    const text = error instanceof Error ? error.message : String(error)
    throw new Error(
      `bundling ${Object.values(programs).join(', ')} failed; see: npm run check\n${text}`,
      { cause: error },
    )
  })
  const directory = join(repository, 'bundle')
  return result.outputFiles.map((file) => ({
    name: file.path.slice(directory.length + 1),
    content: file.contents,
  }))
}
