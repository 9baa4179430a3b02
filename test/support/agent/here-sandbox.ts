// A sandbox that runs commands right here, for tests of our own programs; nothing of a project may
// be run by it.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Sandbox } from '../../../agent-image/agent/sandbox-client.ts'
import { reportPlaceholder } from '../../../agent-image/sandbox/exec-protocol.ts'

export const hereSandbox: Sandbox = {
  exec: (request) => {
    const folder = mkdtempSync(join(tmpdir(), 'here-'))
    const report = join(folder, 'report')
    const [program = '', ...words] = request.argv.map((word) =>
      word === reportPlaceholder ? report : word,
    )
    const result = {
      exitCode: 0,
      stdout: '',
      stderr: '',
      timedOut: false,
      strays: 0,
      durationMs: 0,
    }
    try {
      const stdout = execFileSync(program, words, {
        cwd: request.cwd,
        input: request.stdin ?? '',
        timeout: request.timeoutSeconds * 1000,
        encoding: 'utf8',
        stdio: ['pipe', 'pipe', 'pipe'],
      })
      const text = words.includes(report) ? readFileSync(report, 'utf8') : undefined
      return Promise.resolve({ ...result, stdout, ...(text === undefined ? {} : { report: text }) })
    } catch (error) {
      const { status, stderr } = error as { status?: number | null; stderr?: string }
      return Promise.resolve({
        ...result,
        exitCode: status ?? 127,
        stderr: stderr ?? String(error),
      })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
  reset: () => Promise.resolve(),
}
