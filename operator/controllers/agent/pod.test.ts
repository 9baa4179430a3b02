import { expect, test } from 'vitest'
import { exampleAgent, exampleSettings } from '../../../test/containers/example-agent.ts'
import { agentPod } from './pod.ts'

const { spec } = agentPod(exampleAgent, exampleSettings({ image: 'agent:1' }))
const [agent, sandbox] = spec?.containers ?? []

test('process 1 of the sandbox is its init, which starts a server without an inspector', () => {
  const command = sandbox?.command ?? []
  expect(command.indexOf('/app/sandbox-init.py')).toBeLessThan(command.indexOf('node'))
  expect(command).toContain('--disable-sigusr1')
  expect(command.at(-1)).toBe('/app/sandbox.js')
  expect(spec?.shareProcessNamespace).toBe(false)
})

test.each(['agent', 'sandbox'])('container %s is held as Pod Security restricted asks', (name) => {
  const container = spec?.containers.find((candidate) => candidate.name === name)
  expect(container?.securityContext).toMatchObject({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  })
})

test('the containers run as different users of one group', () => {
  expect(agent?.securityContext?.runAsUser).not.toBe(sandbox?.securityContext?.runAsUser)
  expect(agent?.securityContext?.runAsGroup).toBe(sandbox?.securityContext?.runAsGroup)
})

test('the sandbox holds neither the token nor the git directory', () => {
  const mounts = sandbox?.volumeMounts?.map((mount) => mount.name)
  expect(mounts).toEqual(['workspace', 'run', 'sandbox-tmp'])
})

test('no file of a command can fill the volume for temporary files', () => {
  const volume = spec?.volumes?.find((candidate) => candidate.name === 'sandbox-tmp')
  expect(volume?.emptyDir).toEqual({ sizeLimit: '1Gi' })
})
