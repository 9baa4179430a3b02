import { expect, test } from 'vitest'
import { parseAptSources, sourcesList } from './apt-sources.ts'

const printed = `http://mirror.test/debian-security/|bookworm-security|main|Debian|bookworm-security
http://mirror.test/debian/|bookworm-updates|main|Debian|bookworm-updates
http://mirror.test/debian/|bookworm|main|Debian|bookworm
http://mirror.test/debian/|bookworm|main|Debian|bookworm
http://mirror.test/debian/|bookwormish|main|Debian|bookwormish
http://mirror.test/debian/|trixie|main|Debian|trixie
https://vendor.test/|bookworm|main|Vendor|bookworm
http://never-fetched.test/debian|||
`

test('only what Debian itself publishes for the release is a source, once each', () => {
  const sources = parseAptSources(printed, 'bookworm')
  expect(sourcesList(sources)).toBe(
    `deb http://mirror.test/debian-security/ bookworm-security main
deb http://mirror.test/debian/ bookworm-updates main
deb http://mirror.test/debian/ bookworm main
`,
  )
})

test('a machine with no such source has none', () => {
  expect(parseAptSources(printed, 'forky')).toEqual([])
})
