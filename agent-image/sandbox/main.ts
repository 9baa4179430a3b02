// The sandbox container's process: runs the project's commands for the agent, and holds nothing worth stealing.
import { startSandbox } from './server.ts'

const socketPath = process.env['GUILDHALL_SANDBOX_SOCKET'] ?? '/run/guildhall/sandbox.sock'
const workspace = process.env['GUILDHALL_WORKSPACE'] ?? '/workspace'

// Files must be writable by the agent's user, which shares only the group.
process.umask(0o002)
const ownsUser = process.env['GUILDHALL_SANDBOX_OWNS_USER'] === 'true' && process.getuid?.() !== 0
const sandbox = await startSandbox({
  socketPath,
  workspace,
  // Process 1 has a process namespace of its own: all that runs in it was started by a command. Where the container's
  // first process is an init, the Pod says so, and only for a user that is not root.
  ownsNamespace: process.pid === 1 || ownsUser,
})
console.log(JSON.stringify({ level: 'info', msg: 'sandbox listens', socketPath, workspace }))

process.on('uncaughtException', (error) => console.error('sandbox: uncaught', error))
process.on('unhandledRejection', (error) => console.error('sandbox: unhandled', error))
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.once(signal, () => {
    sandbox.close().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  })
