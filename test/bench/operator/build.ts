import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'

const root = join(import.meta.dirname, '../../..')

/** How the operator's image runs it: compiled, with the options of its Dockerfile. From source it takes 30 MB more. */
export interface OperatorProgram {
  readonly entry: string
  readonly nodeArguments: readonly string[]
}

/** Compiles the operator into `dist/`, as `npm run build` does. */
export async function buildOperator(): Promise<OperatorProgram> {
  await execa('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, preferLocal: true })
  const dockerfile = await readFile(join(root, 'operator/Dockerfile'), 'utf8')
  const [, options] = /NODE_OPTIONS="([^"]+)"/.exec(dockerfile) ?? []
  if (options === undefined) throw new Error('operator/Dockerfile sets no NODE_OPTIONS="…"')
  return { entry: join(root, 'dist/operator/main.js'), nodeArguments: options.split(' ') }
}
