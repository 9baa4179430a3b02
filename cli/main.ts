import { exitCodes } from './failure.ts'
import { runGuild } from './program.ts'

// `guild logs | head`: the reader has seen enough, which is not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.succeeded)
  process.stderr.write(`error: the output cannot be written: ${error.message}\n`)
  process.exit(exitCodes.failed)
})

process.exitCode = await runGuild(process.argv)
