// Reads a Python file without a sandbox: for tools and tests that work in a clone. An agent's Pod never comes here.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../assets/code_facts.py', import.meta.url))

/**
 * The report of code_facts.py on one text; undefined where there is no Python, or the program is not beside this file
 * as it is in a clone. Nothing of the text runs; Python gets nothing of the environment but the path.
 */
export function pythonReportHere(path: string, text: string): string | undefined {
  if (last?.path === path && last.text === text) return last.report
  if (!existsSync(program)) return undefined
  last = { path, text, report: reportOf(path, text) }
  return last.report
}

/** One text is asked about several times in a row. */
let last:
  | { readonly path: string; readonly text: string; readonly report: string | undefined }
  | undefined

function reportOf(path: string, text: string): string | undefined {
  try {
    return execFileSync('python3', ['-I', '-B', program, '-'], {
      input: JSON.stringify([{ path, text }]),
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] },
      timeout: 20_000,
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['pipe', 'pipe', 'ignore'],
    })
  } catch {
    return undefined
  }
}
