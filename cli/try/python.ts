// Which Python a person means: that of the project's virtual environment, else the first on their PATH that is new enough.
import { existsSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { execa } from 'execa'

type Waiting = { readonly signal: AbortSignal }

/** A Python that runs here, as it names itself. */
export interface PersonsPython {
  /** Absolute path; in a virtual environment the one within it. */
  readonly path: string
  /** Where the packages of the person alone are; undefined where this Python does not look at them. */
  readonly userBase: string | undefined
}

/** The runners are written for this and later ones. */
const least = '(3, 9)'
/** One that answers nothing within this time, in milliseconds, is passed over. */
const patienceMs = 10_000

/** Programs on a PATH may be scripts that choose a Python by HOME and settings (pyenv, asdf), which project code does not see. */
const question = `import site, sys
assert sys.version_info >= ${least}
print(sys.executable)
print(site.getuserbase() if site.ENABLE_USER_SITE else "")`

/**
 * The Python of the person for the project in `checkout`; undefined where there is none of 3.9 or later.
 * Errors: none but the signal's reason.
 */
export async function personsPython(
  checkout: string,
  { signal }: Waiting,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<PersonsPython | undefined> {
  const own = ['.venv', 'venv']
    .map((name) => join(checkout, name))
    .filter((folder) => existsSync(join(folder, 'pyvenv.cfg')))
    .map((folder) => join(folder, 'bin', 'python3'))
  const onPath = (env['PATH'] ?? '')
    .split(delimiter)
    .filter(isAbsolute)
    .map((folder) => join(folder, 'python3'))
  for (const program of [...own, ...new Set(onPath)]) {
    if (!existsSync(program)) continue
    const result = await execa(program, ['-c', question], {
      cwd: '/',
      env: { ...env },
      extendEnv: false,
      reject: false,
      timeout: patienceMs,
      cancelSignal: signal,
      stdin: 'ignore',
    })
    signal.throwIfAborted()
    const [path = '', userBase = ''] = (result.stdout ?? '').split('\n')
    if (result.failed || !isAbsolute(path)) continue
    return { path, userBase: userBase === '' ? undefined : userBase }
  }
  return undefined
}
