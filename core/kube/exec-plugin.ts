// Runs the plug-in of a kubeconfig that makes the credentials of a user (`users[].user.exec`), as
// kubectl does. The library's own way leaves stdin open to a plug-in that nobody can answer, never
// ends one that hangs, and tells it nothing of the cluster.
import { spawn } from 'node:child_process'
import { isatty } from 'node:tty'
import { fileProblem } from '../base/file-problem.ts'
import type { Clock } from '../base/clock.ts'
import { DeadlineError, withDeadline } from '../base/wait.ts'
import { KubeconfigError } from './errors.ts'
import { fieldsOf, quoted } from './kubeconfig-file.ts'

/** The field `exec` of a user. */
interface ExecPlugin {
  readonly apiVersion: string
  /** With a separator in it, an absolute path; else looked for in `PATH`. */
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly installHint: string
  /** `Never`, `IfAvailable` or `Always`. */
  readonly interactiveMode: string
  /** What `KUBERNETES_EXEC_INFO` says of the cluster; undefined without `provideClusterInfo`. */
  readonly cluster: Readonly<Record<string, unknown>> | undefined
  /** For sentences: `of the user u in the kubeconfig f`. */
  readonly of: string
}

/** What a plug-in answered; PEM texts. */
export interface PluginCredentials {
  readonly token?: string
  readonly cert?: string
  readonly key?: string
  /** In milliseconds since 1970; undefined when they do not expire. */
  readonly expiresAt?: number
}

/** How long a plug-in may take, alone and with a person who answers it. */
const aloneMs = 60_000
const withPersonMs = 300_000

/**
 * Runs the plug-in once. It is killed when the signal is aborted and when it takes too long.
 * Errors: `KubeconfigError` with the plug-in's name and what it printed; the signal's reason.
 */
export async function runPlugin(
  plugin: ExecPlugin,
  options: { readonly clock: Clock; readonly signal?: AbortSignal | undefined },
): Promise<PluginCredentials> {
  const mayAsk = plugin.interactiveMode !== 'Never' && hasTerminal()
  if (plugin.interactiveMode === 'Always' && !mayAsk)
    throw failed(
      plugin,
      'wants to ask a person (interactiveMode: Always), and stdin is no terminal',
    )
  const ms = mayAsk ? withPersonMs : aloneMs
  const name = `the plug-in ${plugin.command}`
  let printed = ''
  const note = (chunk: string) => {
    printed = (printed + chunk).slice(-2_000)
  }
  try {
    const answer = await withDeadline({ ...options, ms, name }, (signal) =>
      output(plugin, { mayAsk, signal, note }),
    )
    return readAnswer(plugin, answer)
  } catch (cause) {
    if (!(cause instanceof DeadlineError) || options.signal?.aborted === true) throw cause
    throw failed(plugin, `did not end within ${ms / 1000} s and was killed${said(printed)}`, cause)
  }
}

function failed(
  plugin: ExecPlugin,
  what: string,
  cause?: unknown,
  next = [plugin.command, ...plugin.args].map(quoted).join(' '),
): KubeconfigError {
  const { command, of, installHint } = plugin
  const hint = installHint === '' ? '' : `; ${installHint}`
  return new KubeconfigError(`the plug-in ${command} ${of} ${what}${hint}`, next, { cause })
}

const hasTerminal = (): boolean => isatty(0)

const said = (text: string): string => {
  const words = text.trim().replaceAll(/\s*\n\s*/g, ' | ')
  return words === '' ? ', and printed nothing' : `: ${words.slice(-500)}`
}

async function output(
  plugin: ExecPlugin,
  options: {
    readonly mayAsk: boolean
    readonly signal: AbortSignal
    readonly note: (text: string) => void
  },
): Promise<string> {
  const { mayAsk, signal, note } = options
  // With a terminal it stays in the terminal's group, so that a Ctrl-C reaches it and it can ask.
  const ownGroup = !hasTerminal()
  const info = {
    apiVersion: plugin.apiVersion,
    kind: 'ExecCredential',
    spec: { interactive: mayAsk, ...(plugin.cluster && { cluster: plugin.cluster }) },
  }
  const child = spawn(plugin.command, plugin.args, {
    stdio: [mayAsk ? 'inherit' : 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...plugin.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
    detached: ownGroup,
  })
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(ownGroup ? -child.pid : child.pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const giveUp = () => {
    kill()
    // A child of its own may hold the pipes; nobody reads them any more.
    child.stdout.destroy()
    child.stderr.destroy()
    reject(signal.reason)
  }
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk
  })
  let err = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    err += chunk
    note(chunk)
    // A person has to see at once which page to open, for example.
    if (process.stderr.isTTY) process.stderr.write(chunk)
  })
  child.on('error', (cause) => {
    if (!('code' in cause) || cause.code !== 'ENOENT')
      return reject(failed(plugin, `cannot be run: ${fileProblem(cause)}`, cause))
    const isPath = /[/\\]/.test(plugin.command)
    const look = `${isPath ? 'ls -l' : 'command -v'} ${quoted(plugin.command)}`
    const next = `${look}   (nothing there: install it)`
    reject(failed(plugin, isPath ? 'does not exist' : 'is not in PATH', cause, next))
  })
  child.on('close', (code, killedBy) => {
    if (code === 0) resolve(out)
    else {
      const end = code === null ? `was ended by ${killedBy}` : `failed with exit code ${code}`
      reject(failed(plugin, `${end}${said(err || out)}`))
    }
  })
  signal.addEventListener('abort', giveUp, { once: true })
  process.on('exit', kill)
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', giveUp)
    process.off('exit', kill)
  }
}

function readAnswer(plugin: ExecPlugin, text: string): PluginCredentials {
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch (cause) {
    throw failed(
      plugin,
      `printed something else than an ExecCredential as JSON${said(text)}`,
      cause,
    )
  }
  const status = fieldsOf(fieldsOf(answer)['status'])
  const textOf = (field: string): string => {
    const value = status[field]
    if (typeof value === 'string') return value
    if (value === undefined || value === null) return ''
    throw failed(plugin, `answered with a status.${field} that is no text`)
  }
  const token = textOf('token')
  const cert = textOf('clientCertificateData')
  const key = textOf('clientKeyData')
  if (token === '' && cert === '' && key === '')
    throw failed(plugin, 'answered with neither status.token nor status.clientCertificateData')
  if ((cert === '') !== (key === ''))
    throw failed(
      plugin,
      `answered with status.${cert === '' ? 'clientKeyData' : 'clientCertificateData'} alone, but the certificate and the key belong together`,
    )
  const expires = textOf('expirationTimestamp')
  const expiresAt = Date.parse(expires)
  if (expires !== '' && Number.isNaN(expiresAt))
    throw failed(plugin, `answered with a status.expirationTimestamp that is no time: ${expires}`)
  return {
    ...(token !== '' && { token }),
    ...(cert !== '' && { cert, key }),
    ...(expires !== '' && { expiresAt }),
  }
}
