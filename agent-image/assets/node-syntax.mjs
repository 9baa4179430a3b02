// Checks the syntax of TypeScript files without running them; `node --check` does that only for JavaScript.
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'

for (const path of process.argv.slice(2)) {
  try {
    stripTypeScriptTypes(readFileSync(path, 'utf8'), { mode: 'transform' })
  } catch (error) {
    console.error(`${path}\nSyntaxError: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  }
}
