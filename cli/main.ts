import { exitCodes } from './failure.ts'
import { runGuild } from './program.ts'

// `guild logs | head`: whoever reads has seen enough, which is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.succeeded)
  process.stderr.write(`error: the output cannot be written: ${error.message}\n`)
  process.exit(exitCodes.failed)
})

process.exitCode = await runGuild(process.argv)
