import { describe, expect, test } from 'vitest'
import type { RenderedContainer, RenderedPod } from './chart-render.ts'
import { podSecurityProblems } from './pod-security.ts'

const container: RenderedContainer = {
  name: 'a',
  image: 'a:1',
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
}
const pod: RenderedPod = {
  containers: [container],
  securityContext: {
    runAsNonRoot: true,
    runAsUser: 10000,
    seccompProfile: { type: 'RuntimeDefault' },
  },
  volumes: [{ name: 'tmp', emptyDir: {} }],
}
const secured = (change: object): RenderedContainer => ({
  ...container,
  securityContext: { ...container.securityContext, ...change },
})

describe('podSecurityProblems', () => {
  test('finds nothing in a Pod that is restricted', () => {
    expect(podSecurityProblems(pod)).toEqual([])
  })

  test.each<[Partial<RenderedPod>, string]>([
    [{ hostNetwork: true }, 'uses hostNetwork'],
    [{ volumes: [{ name: 'x', hostPath: { path: '/' } }] }, 'mounts a hostPath'],
    [{ securityContext: { ...pod.securityContext, runAsNonRoot: false } }, 'may run as root'],
    [{ securityContext: { ...pod.securityContext, runAsUser: 0 } }, 'has no user of its own'],
    [{ securityContext: { runAsNonRoot: true, runAsUser: 1 } }, 'has no seccomp profile'],
    [
      { containers: [secured({ allowPrivilegeEscalation: true })] },
      'container a may gain privileges',
    ],
    [{ containers: [secured({ privileged: true })] }, 'container a is privileged'],
    [{ containers: [secured({ capabilities: {} })] }, 'container a keeps capabilities'],
    [
      { containers: [secured({ capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } })] },
      'container a adds SYS_ADMIN',
    ],
    [{ initContainers: [secured({ runAsNonRoot: false })] }, 'container a may run as root'],
  ])('finds what is wrong with %j', (change, want) => {
    expect(podSecurityProblems({ ...pod, ...change })).toEqual([want])
  })
})
