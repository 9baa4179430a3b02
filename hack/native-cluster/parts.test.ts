import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { binaryPath, buildsOf, ensureBinaries, goArguments, recipeOf } from './binaries.ts'
import { silentLog } from '../cluster/log.ts'
import { parts } from './parts.ts'
import { addonManifests } from './stack.ts'
import { dnsImage, pauseImage } from './system-images.ts'

const versionOf = (name: string): string =>
  parts.find((part) => part.name === name)?.version ?? 'no such part'

const goModule = async (name: string): Promise<string> =>
  readFile(join(import.meta.dirname, './go', name, 'go.mod'), 'utf8')

describe('parts', () => {
  test('have each binary once', () => {
    const names = parts.flatMap(({ binaries }) => binaries)
    expect(names).toEqual([...new Set(names)])
  })

  test('have one binary of their own name where it comes ready-made', () => {
    const taken = parts.filter(({ readyMade }) => readyMade !== undefined)
    expect(taken.map(({ binaries }) => binaries)).toEqual([['kubectl'], ['helm']])
  })

  test('name the versions that the Go modules pin', async () => {
    const kubernetes = await goModule('kubernetes')
    expect(kubernetes).toContain(`k8s.io/kubernetes v${versionOf('kubelet')}`)
    expect(kubernetes).toContain(`go.etcd.io/etcd/server/v3 v${versionOf('etcd')}`)
    expect(await goModule('coredns')).toContain(`coredns/coredns v${versionOf('coredns')}`)
  })

  test('are what the images and manifests are named after', async () => {
    expect(pauseImage.endsWith(`:${versionOf('kubelet')}`)).toBe(true)
    expect(dnsImage.endsWith(`:${versionOf('coredns')}`)).toBe(true)
    expect(await addonManifests()).toContain(`image: ${dnsImage}\n`)
  })
})

describe('goArguments', () => {
  test('build a package of a checked-in module into the target', () => {
    const args = goArguments({ kind: 'module', module: 'm', packages: ['./x'] }, '/out')
    expect(args).toEqual([
      'build',
      '-trimpath',
      '-buildvcs=false',
      '-ldflags',
      '-s -w',
      '-o',
      '/out/',
      './x',
    ])
  })

  test('install packages by version, with their tags and flags', () => {
    const packages = ['example.org/a@v1.0.0']
    const args = goArguments({ kind: 'install', packages, tags: 'seccomp', ldflags: '-X a=b' }, '')
    expect(args).toEqual([
      'install',
      '-trimpath',
      '-buildvcs=false',
      '-ldflags',
      '-s -w -X a=b',
      '-tags',
      'seccomp',
      ...packages,
    ])
  })
})

describe('builds', () => {
  test('compile the programs of one module together, and each other part alone', () => {
    const names = buildsOf(parts).map((build) => build.map(({ name }) => name))
    expect(names).toContainEqual(expect.arrayContaining(['etcd', 'kube-apiserver', 'kubelet']))
    expect(names).toContainEqual(['runc'])
    expect(names.flat().toSorted()).toEqual(parts.map(({ name }) => name).toSorted())
  })

  test('name all packages of their parts, with the flags that any of them has', () => {
    const [build = []] = buildsOf(
      parts.filter(({ name }) => name === 'etcd' || name === 'kube-apiserver'),
    )
    expect(recipeOf(build)).toMatchObject({
      module: 'kubernetes',
      packages: ['./etcd', 'k8s.io/kubernetes/cmd/kube-apiserver'],
      ldflags: expect.stringMatching(/^-X k8s\.io[^ ]*gitVersion=v1\.\d+\.\d+ /),
    })
  })
})

describe('binaries', () => {
  test('lie in a directory of their part and its version', () => {
    const version = versionOf('containerd')
    expect(binaryPath('ctr')).toMatch(new RegExp(`/bin/containerd-${version}/ctr$`))
  })

  test('are refused when no part has them', async () => {
    const built = ensureBinaries(['docker'], { log: silentLog })
    await expect(built).rejects.toThrow('no part of the cluster has a binary named docker')
  })
})
