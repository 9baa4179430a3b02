// What the chart does where something is missing: settings that were left empty, and copies that
// lack the kinds.
import { readdirSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { helmProgram, renderChart } from './chart-render.ts'
import { parse } from 'yaml'
import { chartFiles } from './chart-files.ts'

const helm = helmProgram() ?? ''
if (helm === '') {
  console.warn('gaps in the chart are not tested: there is no helm, and no Go to build it')
}
const root = fileURLToPath(new URL('../..', import.meta.url))

/** Every setting of the chart by its path. */
const settings = Object.keys(
  parse(chartFiles().find(({ path }) => path.endsWith('/defaults.yaml'))?.text ?? ''),
)
/** Every path that has settings below it. */
const sections = [
  ...new Set(
    settings.flatMap((path) => {
      const names = path.split('.')
      return names.slice(1).map((_, at) => names.slice(0, at + 1).join('.'))
    }),
  ),
]

describe.skipIf(helm === '')('a setting that was left empty', () => {
  const usual = helm === '' ? [] : renderChart(helm)

  test.each(sections)('means the defaults: the section %s', (path) => {
    expect(renderChart(helm, [`${path}=null`])).toEqual(usual)
  })

  test('means the default, for every single setting', () => {
    expect(settings.length).toBeGreaterThan(80)
    expect(
      renderChart(
        helm,
        settings.map((path) => `${path}=null`),
      ),
    ).toEqual(usual)
  })

  test('keeps what was set beside it, values that count as empty included', () => {
    const beside = ['agents.maxAgents=3', 'rbac.aggregate=false', 'networkPolicy.metricsFrom=[]']
    const empty = ['agents.models=null', 'ollama.persistence=null', 'forge.sources=null']

    expect(renderChart(helm, [...beside, ...empty])).toEqual(renderChart(helm, beside))
    expect(renderChart(helm, beside)).not.toEqual(usual)
  })

  test('takes a limit away where the key is not a setting of its own', () => {
    const [operator] = renderChart(helm, ['operator.resources.limits=null']).flatMap(
      ({ kind, metadata, spec }) =>
        kind === 'Deployment' && metadata.name === 'guildhall-operator'
          ? (spec?.template?.spec.containers ?? [])
          : [],
    )

    expect(operator?.resources).toEqual({ requests: { cpu: '50m', memory: '128Mi' } })
  })

  test('is seen by every template, whichever Helm renders first', async () => {
    const folder = join(root, 'helm/guildhall/templates')
    const templates = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
      /(?<!^_.*)\.(?:yaml|txt)$/.test(path),
    )

    expect(templates.length).toBeGreaterThan(10)
    for (const path of templates) {
      const text = await readFile(join(folder, path), 'utf8')
      expect(text.split('\n', 1), path).toEqual(['{{- include "guildhall.defaults" . }}'])
    }
  })
})

describe.skipIf(helm === '')('a copy of the chart', () => {
  /** A copy as `cp -r` makes one of the repository, with files/crds as `spoil` leaves it. */
  const copy = async (spoil: (crds: string) => Promise<unknown>): Promise<string> => {
    const folder = await mkdtemp(join(tmpdir(), 'chart-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await cp(join(root, 'crds'), join(folder, 'crds'), { recursive: true })
    const chart = join(folder, 'helm/guildhall')
    await cp(join(root, 'helm/guildhall'), chart, {
      recursive: true,
      filter: (path) => !path.endsWith('files/crds'),
    })
    await spoil(join(chart, 'files/crds'))
    return chart
  }
  const kinds = /lacks CustomResourceDefinitions .*languagemodels\.guildhall\.dev.*cp -r crds helm/

  test.each<[string, (crds: string) => Promise<unknown>, RegExp]>([
    ['lacks the link', () => Promise.resolve(), kinds],
    ['holds the link as a plain file', (crds) => writeFile(crds, '../../../crds'), kinds],
    ['has an empty folder for it', (crds) => mkdir(crds), kinds],
    [
      'lacks one kind',
      async (crds) => {
        await cp(join(root, 'crds'), crds, { recursive: true })
        await rm(join(crds, 'agents.guildhall.dev.yaml'))
      },
      /CustomResourceDefinitions \(agents\.guildhall\.dev\)/,
    ],
    [
      'holds an empty file for a kind',
      async (crds) => {
        await cp(join(root, 'crds'), crds, { recursive: true })
        await truncate(join(crds, 'devrequests.guildhall.dev.yaml'))
      },
      /CustomResourceDefinitions \(devrequests\.guildhall\.dev\)/,
    ],
    [
      'lacks all of files/',
      (crds) => rm(join(crds, '..'), { recursive: true }),
      /lacks CustomResourceDefinitions \(all of them\)/,
    ],
  ])('that %s is refused with the next command', async (_, spoil, want) => {
    const chart = await copy(spoil)

    expect(() => renderChart(helm, [], chart)).toThrow(want)
  })

  test('without the kinds is fine where they are switched off', async () => {
    const chart = await copy(() => Promise.resolve())

    expect(renderChart(helm, ['crds.enabled=false'], chart)).toEqual(
      renderChart(helm, ['crds.enabled=false']),
    )
  })

  test.each<[string, (crds: string) => Promise<unknown>]>([
    ['with the link', (crds) => symlink('../../../crds', crds)],
    ['with the files in its place', (crds) => cp(join(root, 'crds'), crds, { recursive: true })],
  ])('%s is the chart', async (_, make) => {
    expect(renderChart(helm, [], await copy(make))).toEqual(renderChart(helm))
  })
})
