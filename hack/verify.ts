// `npm run verify`: the static checks, in the order in which a failure is cheapest to mend.
import { spawnSync } from 'node:child_process'
import { readArguments, runProgram } from '../core/base/command-line.ts'

const usage = `usage: npm run verify

Checks format, types, lint and generated files, without a test. Exit code 0 when all are as they should be, else 1.`

const checks: readonly (readonly [string, string, readonly string[]])[] = [
  ['formatted (npm run format)', 'biome', ['format', '.']],
  ['compiles', 'tsc', ['--noEmit']],
  ['lint', 'oxlint', ['--type-aware']],
  ['generated files are current (npm run gen)', process.execPath, ['hack/gen/main.ts', '--check']],
]

function main(): number {
  const { values } = readArguments({
    options: { help: { type: 'boolean', short: 'h', default: false } },
  })
  if (values.help) {
    console.log(usage)
    return 0
  }
  let failed = 0
  for (const [what, command, args] of checks) {
    const run = spawnSync(command, args, { encoding: 'utf8' })
    const good = run.status === 0
    if (!good) failed += 1
    console.log(`${good ? 'ok  ' : 'FAIL'} ${what}`)
    if (!good) console.log(`${run.stdout ?? ''}${run.stderr ?? ''}`.trimEnd())
  }
  console.log(`${checks.length - failed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

await runProgram(usage, main)
