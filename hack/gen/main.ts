// npm run gen -- --help
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readArguments, runProgram } from '../../core/base/command-line.ts'
import { staleFiles, writeGenerated, generatedFiles } from './generated.ts'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

const usage = `usage: npm run gen [-- --check]

Writes the generated files: CRDs, the chart's schema, values and tables, and the reference of the kinds.

  --check  writes nothing; the exit code is 1 when a file is stale`

await runProgram(usage, main)

async function main(): Promise<number> {
  const { values } = readArguments({
    options: {
      check: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    console.log(usage)
    return 0
  }
  const files = generatedFiles()
  return values.check ? check(files) : write(files)
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
