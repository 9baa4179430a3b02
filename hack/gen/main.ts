// Writes the generated files: CRDs, the chart's schema, values and tables, and the reference of the
// kinds.
//
//   npm run gen              write them
//   npm run gen -- --check   write nothing; exit with 1 when one is stale
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { staleFiles, writeGenerated, generatedFiles } from './generated.ts'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((argument) => argument !== '--check')
  if (unknown !== undefined) {
    console.error(`gen has no argument '${unknown}'; use: npm run gen [-- --check]`)
    return 2
  }
  const files = generatedFiles()
  return args.includes('--check') ? check(files) : write(files)
}

async function write(files: ReturnType<typeof generatedFiles>): Promise<number> {
  const changed = await writeGenerated(root, files)
  for (const path of changed) console.log(`wrote ${join(path)}`)
  if (changed.length === 0) console.log(`all ${files.length} generated files are up to date`)
  return 0
}

async function check(files: ReturnType<typeof generatedFiles>): Promise<number> {
  const stale = await staleFiles(root, files)
  for (const { path, difference } of stale) console.error(`${path}: ${difference}`)
  if (stale.length === 0) {
    console.log(`all ${files.length} generated files are up to date`)
    return 0
  }
  console.error(`${stale.length} of ${files.length} generated files are stale; run: npm run gen`)
  return 1
}
