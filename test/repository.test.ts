// Rules about the repository itself: who may import whom, and that what is listed in docs is what is there.
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'
import { modelReasons } from '../operator/api/conditions.ts'
import { failureRemedies } from '../operator/api/failures.ts'

const root = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** Layers of the control plane, lowest first; a file imports from its own layer or a lower one. */
const layers: readonly (readonly string[])[] = [
  ['operator/api'],
  ['operator/kube'],
  ['operator/runtime'],
  ['operator/models', 'operator/audit', 'operator/registry', 'operator/scheduler'],
  ['operator/planner'],
  ['operator/controllers', 'operator/hub'],
  ['operator'],
]

/** What the other processes may import of ours, beside themselves. */
const guests: Readonly<Record<string, readonly string[]>> = {
  'agent-image': ['operator/api'],
  forge: ['operator/api', 'operator/kube', 'operator/runtime/clock.ts'],
  cli: [
    'operator/api',
    'operator/kube',
    'operator/runtime/clock.ts',
    'operator/models',
    'operator/planner',
  ],
}

const sources = globSync('{operator,forge,agent-image,cli}/**/*.ts', { cwd: root }).filter(
  (file) => !file.endsWith('.test.ts'),
)

function importsOf(file: string): string[] {
  return [...read(file).matchAll(/(?:from|import) '(\.[^']+)'/g)].map(([, path]) =>
    normalize(join(dirname(file), path ?? '')),
  )
}

const inside = (file: string, folder: string): boolean =>
  file === folder || file.startsWith(`${folder}/`)
const layerOf = (file: string): number =>
  layers.findIndex((folders) => folders.some((one) => inside(file, one)))

test('the control plane imports downwards only', () => {
  const upwards = sources
    .filter((file) => inside(file, 'operator'))
    .flatMap((file) =>
      importsOf(file)
        // Types and settings of `config.ts` are a leaf that lies beside `main.ts`.
        .filter(
          (target) =>
            !target.endsWith('operator/config.ts') && !target.endsWith('operator/forge-client.ts'),
        )
        .filter((target) => layerOf(target) > layerOf(file))
        .map((target) => `${file} -> ${target}`),
    )
  expect(upwards).toEqual([])
})

test('operator/api and operator/kube import nothing of ours', () => {
  const out = sources
    .filter((file) => inside(file, 'operator/api') || inside(file, 'operator/kube'))
    .flatMap((file) =>
      importsOf(file)
        .filter((target) => layerOf(target) !== layerOf(file))
        .map((target) => `${file} -> ${target}`),
    )
  expect(out).toEqual([])
})

test.each(Object.entries(guests))('%s imports only itself and what it may', (folder, allowed) => {
  const out = sources
    .filter((file) => inside(file, folder))
    .flatMap((file) =>
      importsOf(file)
        .filter((target) => !inside(target, folder) && !allowed.some((one) => inside(target, one)))
        .map((target) => `${file} -> ${target}`),
    )
  expect(out).toEqual([])
})

test('every dependency has its line in docs/dependencies.md, and no line is left over', () => {
  const manifest = JSON.parse(read('package.json')) as {
    readonly dependencies: Record<string, string>
    readonly devDependencies: Record<string, string>
  }
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).toSorted()
  const listed = read('docs/dependencies.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) =>
      [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''),
    )
  expect(listed.toSorted()).toEqual(names)
})

test('time, chance and timers come from runtime/clock.ts in the control plane', () => {
  const bare = /\b(?:Date\.now|Math\.random|setTimeout|setInterval)\(/
  const found = sources.filter(
    (file) =>
      inside(file, 'operator') && file !== 'operator/runtime/clock.ts' && bare.test(read(file)),
  )
  expect(found).toEqual([])
})

test('no file is over 400 lines', () => {
  const long = globSync('{operator,forge,agent-image,cli,hack,test}/**/*.{ts,mjs,sh}', {
    cwd: root,
  })
    .filter((file) => !file.startsWith('test/fixtures'))
    .filter((file) => read(file).split('\n').length > 401)
  expect(long).toEqual([])
})

test('every reason a task can fail for is in docs/troubleshooting.md, with its remedy', () => {
  const rows = read('docs/troubleshooting.md')
  for (const [reason, remedy] of Object.entries(failureRemedies))
    expect(rows).toContain(`| \`${reason}\` | ${remedy} |`)
})

test('every reason for which a model is not ready is in docs/models.md', () => {
  const rows = read('docs/models.md')
  for (const reason of Object.keys(modelReasons))
    if (reason !== modelReasons.Ready) expect(rows).toContain(`| \`${reason}\` |`)
})
