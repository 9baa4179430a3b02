// Starts the rehearsal model: node hack/rehearsal/main.ts [--port N] [--scripts DIR] [--rate N] [--parallel N]
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadScripts } from './script.ts'
import { createRehearsalServer, rehearsalName } from './server.ts'

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    scripts: { type: 'string' },
    rate: { type: 'string' },
    parallel: { type: 'string' },
  },
})

const port = numberOf(values.port ?? process.env['PORT'], 11434)
const scripts = values.scripts ?? process.env['REHEARSAL_SCRIPTS'] ?? beside()
const rate = numberOf(values.rate ?? process.env['REHEARSAL_RATE'], 60)
const parallel = Math.max(1, numberOf(values.parallel ?? process.env['REHEARSAL_PARALLEL'], 2))

const rules = await loadScripts(scripts)
const server = createRehearsalServer({ rules, rate, parallel })
server.listen(port, () => {
  const fields = { port, model: rehearsalName, rules: rules.length, rate, parallel }
  console.log(JSON.stringify({ level: 'info', msg: 'rehearsal model listens', ...fields }))
})
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.once(name, () => {
    server.close()
    server.closeAllConnections()
  })
}

/** The scripts beside this file, also when it is bundled. */
function beside(): string {
  const folder = join(import.meta.dirname, 'scripts')
  if (existsSync(folder)) return folder
  throw new Error(`there are no scripts at ${folder}; name their folder with --scripts`)
}

function numberOf(value: string | undefined, fallback: number): number {
  const number = Number(value ?? fallback)
  if (Number.isFinite(number) && number >= 0) return number
  throw new Error(`${String(value)} is no number`)
}
