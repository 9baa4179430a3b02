// What is wrong with the syntax of files that a model wrote.
import { join } from 'node:path'
import type { Sandbox } from '../sandbox-client.ts'
import type { Changes } from '../workspace.ts'

export interface SyntaxProblem {
  readonly file: string
  /** The parser's words, without our paths. */
  readonly message: string
}

/** Parses each of `changes`, which lie in the work tree `root` already; undefined when nothing is wrong. */
export async function syntaxProblem(
  changes: Changes,
  root: string,
  sandbox: Sandbox,
  assets: string,
  options: { readonly signal: AbortSignal },
): Promise<SyntaxProblem | undefined> {
  for (const [path, text] of changes) {
    const argv = syntaxCommand(assets, path)
    if (path.endsWith('.json')) {
      const message = jsonProblem(text)
      if (message !== undefined) return { file: path, message }
    }
    if (argv === undefined) continue
    const result = await sandbox.exec(
      { argv, cwd: root, timeoutSeconds: 30, outputBytes: 8192 },
      options,
    )
    if (result.exitCode !== 0) return { file: path, message: syntaxMessage(result.stderr, root) }
  }
  return undefined
}

function syntaxCommand(assets: string, path: string): string[] | undefined {
  if (/\.(m|c)?js$/.test(path)) return ['node', '--check', path]
  if (/\.(m|c)?ts$/.test(path))
    return ['node', '--no-warnings', join(assets, 'node-syntax.mjs'), path]
  if (path.endsWith('.py')) return ['python3', join(assets, 'python_syntax.py'), path]
  return undefined
}

function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : 'not JSON'
  }
}

function syntaxMessage(stderr: string, root: string): string {
  const lines = stderr.replaceAll(`${root}/`, '').split('\n')
  return lines
    .filter((text) => !/^\s+at |^Node\.js v|^\s*$/.test(text))
    .slice(0, 8)
    .join('\n')
}
