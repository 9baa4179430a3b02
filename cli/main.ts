import { exitCodes } from './failure.ts'
import { runGuild } from './program.ts'

// `guild logs | head`: whoever reads has seen enough, which is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.succeeded)
  throw error
})

process.exitCode = await runGuild(process.argv)
