// The program of the sandbox container: it runs the project's commands for the agent, and holds
// nothing worth stealing.
import { existsSync, readlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startSandboxServer, takeIdentity } from './server.ts'
import { limitsHere } from './processes.ts'
import { scratchOf } from './tidying.ts'

// A command may send SIGUSR1, at which Node would open its inspector and so hand this process over.
// Node is started with --disable-sigusr1; this is for whoever starts it without, and keeps the
// signal from ending the process with it.
process.on('SIGUSR1', () => undefined)

const python = ['/usr/bin/python3', '/usr/local/bin/python3'].find((path) => existsSync(path))
// Process 1 has duties that Node does not know: see sandbox-init.py. This process becomes that one.
if (process.pid === 1 && python !== undefined) {
  const init = fileURLToPath(new URL('./sandbox-init.py', import.meta.url))
  const own = [
    ...process.execArgv.filter((flag) => flag !== safe()),
    safe(),
    ...process.argv.slice(1),
  ]
  process.execve?.(python, [python, '-I', '-S', init, process.execPath, ...own], process.env)
}

const socketPath = process.env['GUILDHALL_SANDBOX_SOCKET'] ?? '/run/guildhall/sandbox.sock'
const workspace = process.env['GUILDHALL_WORKSPACE'] ?? '/workspace'
const key = process.env['GUILDHALL_SANDBOX_KEY']
const pythonPath = process.env['GUILDHALL_SANDBOX_PYTHON']

// Files must be writable by the agent's user, which shares only the group.
process.umask(0o002)
const ownsNamespace = isBelowInit()
const sandbox = await startSandboxServer({
  socketPath,
  workspace,
  ownsNamespace,
  node: process.env['GUILDHALL_SANDBOX_NODE'] ?? process.execPath,
  python:
    pythonPath === undefined
      ? undefined
      : { path: pythonPath, userBase: process.env['GUILDHALL_SANDBOX_PYTHON_USER_BASE'] },
  identity: takeIdentity(key === undefined ? undefined : Number(key)),
  limits: limitsHere(ownsNamespace),
  scratch: scratchOf(ownsNamespace ? placesOfInit() : [], socketPath),
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

/**
 * Whether all processes that can be seen were started for commands: our parent is process 1, says
 * that it is our init, and /proc shows this namespace and no other one, whose process ids would be
 * those of strangers.
 */
function isBelowInit(): boolean {
  return (
    process.env['GUILDHALL_SANDBOX_OWNS_NAMESPACE'] === 'true' &&
    process.ppid === 1 &&
    readlinkSync('/proc/self') === String(process.pid)
  )
}

function placesOfInit(): readonly string[] {
  return (process.env['GUILDHALL_SANDBOX_PLACES'] ?? '').split(':').filter((path) => path !== '')
}

function safe(): string {
  return '--disable-sigusr1'
}
