// Starts the rehearsal model; `--help` says how.
import { UsageError, runProgram } from '../core/base/command-line.ts'
import { readCommandLine, usage, type Settings } from './command-line.ts'
import { loadScripts } from './script.ts'
import { createRehearsalServer, rehearsalName } from './server.ts'

await runProgram(usage, () => main().catch(told))

async function main(): Promise<number> {
  const command = readCommandLine(process.argv.slice(2), process.env, import.meta.dirname)
  if (command.do === 'help') console.log(usage)
  else if (command.do === 'serve') await serve(command.settings)
  else {
    const rules = await loadScripts(command.scripts)
    console.log(`${rules.length} rules in ${command.scripts}, all fine`)
  }
  return 0
}

/** A script that cannot be used is told in words. */
function told(error: unknown): number {
  if (error instanceof UsageError) throw error
  console.error(error instanceof Error ? error.message : String(error))
  return 1
}

async function serve({ port, scripts, ...settings }: Settings): Promise<void> {
  const rules = await loadScripts(scripts)
  const server = createRehearsalServer({ rules, ...settings })
  server.on('error', (error) => {
    console.error(`it cannot listen on port ${port}: ${error.message}`)
    process.exitCode = 1
  })
  server.listen(port, () => {
    const { rate, parallel } = settings
    const fields = { port, model: rehearsalName, rules: rules.length, rate, parallel }
    console.log(JSON.stringify({ level: 'info', msg: 'rehearsal model listens', ...fields }))
  })
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => {
      server.close()
      server.closeAllConnections()
    })
  }
}
