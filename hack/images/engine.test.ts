import { describe, expect, test } from 'vitest'
import { buildahBuildArguments, buildahSaveArguments, type BuildahStorage } from './buildah.ts'
import { dockerBuildArguments } from './docker.ts'
import { chooseEngine } from './engine.ts'

const request = {
  reference: 'guildhall.dev/agent:0.1.0-abc',
  dockerfile: '/src/agent-image/Dockerfile',
  context: '/stage',
  buildArguments: { BASE_IMAGE: 'localhost/node:24', OTHER: 'a b' },
}
const storage: BuildahStorage = { driver: 'vfs', root: '/cache/store', runRoot: '/run/store' }

describe('chooseEngine', () => {
  const able = { dockerAnswers: true, dockerHasBase: true, platform: 'linux', uid: 0 }

  test.each([
    ['Docker that reaches a registry', able, 'docker'],
    ['Docker on a Mac', { ...able, platform: 'darwin', uid: 501 }, 'docker'],
    ['Docker without a registry, for root on Linux', { ...able, dockerHasBase: false }, 'buildah'],
    [
      'no Docker, for root on Linux',
      { ...able, dockerAnswers: false, dockerHasBase: false },
      'buildah',
    ],
  ] as const)('with %s takes %s', (_, facts, want) => {
    expect(chooseEngine(facts)).toBe(want)
  })

  test.each([
    [
      'no Docker and not root',
      { dockerAnswers: false, dockerHasBase: false, platform: 'linux', uid: 1000 },
      'images cannot be built because `docker info` does not answer; start Docker, or run this as root to build with buildah',
    ],
    [
      'no Docker on a Mac, root or not',
      { dockerAnswers: false, dockerHasBase: false, platform: 'darwin', uid: 0 },
      'images cannot be built because `docker info` does not answer; start Docker',
    ],
    [
      'Docker without a registry and not root',
      { dockerAnswers: true, dockerHasBase: false, platform: 'linux', uid: 1000 },
      'images cannot be built because Docker cannot pull the base image; connect it to a registry, or run this as root to build with buildah',
    ],
    [
      'Docker without a registry on Windows',
      { dockerAnswers: true, dockerHasBase: false, platform: 'win32', uid: undefined },
      'images cannot be built because Docker cannot pull the base image; connect it to a registry',
    ],
  ])('with %s says what to do', (_, facts, want) => {
    expect(() => chooseEngine(facts)).toThrow(new Error(want))
  })
})

test('docker builds with the tag, the file, the build arguments and the context last', () => {
  expect(dockerBuildArguments(request, '/id').join(' ')).toBe(
    'build --tag guildhall.dev/agent:0.1.0-abc --file /src/agent-image/Dockerfile --iidfile /id ' +
      '--build-arg BASE_IMAGE=localhost/node:24 --build-arg OTHER=a b /stage',
  )
})

test('a build argument with a space is one word', () => {
  expect(dockerBuildArguments(request, '/id')).toContain('OTHER=a b')
  expect(buildahBuildArguments(storage, request, '/id')).toContain('OTHER=a b')
})

test('buildah builds in a store of our own, without namespaces, and keeps layers', () => {
  expect(buildahBuildArguments(storage, request, '/id').join(' ')).toBe(
    '--root /cache/store --runroot /run/store --storage-driver vfs ' +
      'build --isolation chroot --layers --format docker ' +
      '--tag guildhall.dev/agent:0.1.0-abc --file /src/agent-image/Dockerfile --iidfile /id ' +
      '--build-arg BASE_IMAGE=localhost/node:24 --build-arg OTHER=a b /stage',
  )
})

test('buildah saves an archive under the name that Pods use', () => {
  expect(buildahSaveArguments(storage, request.reference, '/a.tar').slice(6)).toEqual([
    'push',
    '--quiet',
    'guildhall.dev/agent:0.1.0-abc',
    'docker-archive:/a.tar:guildhall.dev/agent:0.1.0-abc',
  ])
})
