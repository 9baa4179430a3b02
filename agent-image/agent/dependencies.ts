// What a project says it depends on: by its package.json files, and by the files in which Python projects name packages.
import type { NodePackage } from './project.ts'

const pythonFiles =
  /^(?:pyproject\.toml|setup\.(?:py|cfg)|Pipfile|environment\.ya?ml|(?:requirements\/)?[\w.-]*requirements[\w.-]*\.(?:txt|in)|requirements\/[\w.-]+\.(?:txt|in))$/

/** Packages whose modules have another name, by the name of the module. */
const distributions: Readonly<Record<string, string>> = {
  attr: 'attrs',
  bs4: 'beautifulsoup4',
  cv2: 'opencv_python',
  dateutil: 'python_dateutil',
  dotenv: 'python_dotenv',
  jwt: 'pyjwt',
  magic: 'python_magic',
  pil: 'pillow',
  psycopg2: 'psycopg2_binary',
  pymysql: 'pymysql',
  serial: 'pyserial',
  sklearn: 'scikit_learn',
  yaml: 'pyyaml',
}

/** The files of a project that may name Python packages. */
export function pythonManifests(files: readonly string[]): readonly string[] {
  return files.filter((path) => pythonFiles.test(path))
}

/**
 * Every word of such files that may be the name of a package, as Python compares names. Some are none; what is looked up
 * here could not be imported, so that a word too many does no harm.
 */
export function wordsOfManifests(texts: Iterable<string>): ReadonlySet<string> {
  const words = new Set<string>()
  for (const text of texts)
    for (const line of text.split('\n'))
      for (const [word] of line.replace(/(?:^|\s)#.*$/, '').matchAll(/[A-Za-z][\w.-]*/g))
        words.add(compared(word))
  return words
}

/** Whether a package that could not be imported is one that the project says it depends on. */
export function dependsOn(
  project: {
    readonly packages: readonly Pick<NodePackage, 'dependencies'>[]
    readonly linked: ReadonlyMap<string, string>
    readonly pythonWords: ReadonlySet<string>
  },
  name: string,
): boolean {
  if (project.packages.some(({ dependencies }) => dependencies.includes(name))) return true
  // One package of a monorepo finds another by its name whether it says so or not.
  if (project.linked.has(name)) return true
  // What stands for a folder of the project in its tsconfig.json, or for its bundler, is no package to be installed.
  if (isAlias(name)) return true
  const module = compared(name)
  const known = [
    module,
    `python_${module}`,
    `${module}_python`,
    `py${module}`,
    distributions[module],
  ]
  return known.some((word) => word !== undefined && project.pythonWords.has(word))
}

/** `@/low` and `~/low`: npm allows no such names. */
function isAlias(name: string): boolean {
  return /^[@~]\//.test(name)
}

function compared(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '_')
}
