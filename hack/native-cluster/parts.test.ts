import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { binaryPath, ensureBinaries, goArguments } from './binaries.ts'
import { silentLog } from '../cluster/log.ts'
import { parts } from './parts.ts'
import { addonManifests } from './stack.ts'
import { dnsImage, pauseImage } from './system-images.ts'

const versionOf = (name: string): string =>
  parts.find((part) => part.name === name)?.version ?? 'no such part'

const goModule = async (name: string): Promise<string> =>
  readFile(join(import.meta.dirname, './go', name, 'go.mod'), 'utf8')

describe('parts', () => {
  it('have each binary once', () => {
    const names = parts.flatMap(({ binaries }) => binaries)
    expect(names).toEqual([...new Set(names)])
  })

  it('name the versions that the Go modules pin', async () => {
    const kubernetes = await goModule('kubernetes')
    expect(kubernetes).toContain(`k8s.io/kubernetes v${versionOf('kubelet')}`)
    expect(kubernetes).toContain(`go.etcd.io/etcd/server/v3 v${versionOf('etcd')}`)
    expect(await goModule('coredns')).toContain(`coredns/coredns v${versionOf('coredns')}`)
  })

  it('are what the images and manifests are named after', async () => {
    expect(pauseImage.endsWith(`:${versionOf('kubelet')}`)).toBe(true)
    expect(dnsImage.endsWith(`:${versionOf('coredns')}`)).toBe(true)
    expect(await addonManifests()).toContain(`image: ${dnsImage}\n`)
  })
})

describe('goArguments', () => {
  it('build a package of a checked-in module into the target', () => {
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

  it('install packages by version, with their tags and flags', () => {
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

describe('binaries', () => {
  it('lie in a directory of their part and its version', () => {
    const version = versionOf('containerd')
    expect(binaryPath('ctr')).toMatch(new RegExp(`/bin/containerd-${version}/ctr$`))
  })

  it('are refused when no part has them', async () => {
    const built = ensureBinaries(['docker'], { log: silentLog })
    await expect(built).rejects.toThrow('no part of the cluster has a binary named docker')
  })
})
