import { runGuild } from './program.ts'

process.exitCode = await runGuild(process.argv)
