import { run } from './command.ts'

/** One archive that this machine's apt installs from. */
interface AptSource {
  readonly uri: string
  readonly suite: string
  readonly component: string
}

const columns = '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)'

/**
 * The sources in what `apt-get indextargets` prints, of Debian itself and for one release only.
 *
 * Sources of other vendors are left out: the images hold nothing but Debian and our own programs.
 */
export function parseAptSources(text: string, codename: string): readonly AptSource[] {
  const lines = [...new Set(text.split('\n'))]
  return lines.flatMap((line) => {
    const [uri, suite, component, origin] = line.split('|')
    if (!uri || !suite || !component || origin !== 'Debian') return []
    if (suite !== codename && !suite.startsWith(`${codename}-`)) return []
    return [{ uri, suite, component }]
  })
}

/** The content of a `sources.list` with these sources. */
export function sourcesList(sources: readonly AptSource[]): string {
  return sources.map(({ uri, suite, component }) => `deb ${uri} ${suite} ${component}\n`).join('')
}

/**
 * Where this machine's own apt gets a Debian release from, read from its configuration each time.
 *
 * Throws an Error when apt has no source of that release.
 */
export async function aptSources(
  codename: string,
  signal?: AbortSignal,
): Promise<{ readonly main: AptSource; readonly all: readonly AptSource[] }> {
  const text = await run(
    "reading apt's sources",
    'apt-get',
    ['indextargets', '--format', columns, 'Identifier: Packages'],
    signal ? { signal } : {},
  )
  const all = parseAptSources(text, codename)
  const main = all.find(({ suite, component }) => suite === codename && component === 'main')
  if (!main) {
    throw new Error(
      `this machine's apt has no source for Debian ${codename}, which the images are made from; run apt-get update, or start Docker and use its images`,
    )
  }
  return { main, all }
}
