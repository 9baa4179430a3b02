import { expect, test } from 'vitest'
import { exampleAgent, exampleSettings } from '../../../test/containers/example-agent.ts'
import { agentPod } from './pod.ts'

const { template, hubUrl } = exampleSettings({ image: 'agent:1' })
const { spec } = agentPod(exampleAgent, template, hubUrl)
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

test('the template gives what may differ from one sort of agents to another, and no more', () => {
  const other = agentPod(
    exampleAgent,
    {
      ...template,
      image: 'agent:2',
      gracePeriodSeconds: 45,
      nodeSelector: { disk: 'fast' },
      environment: { HTTPS_PROXY: 'http://proxy', GUILDHALL_HUB_URL: 'http://mine', HOME: '/' },
    },
    hubUrl,
  ).spec
  expect(other).toMatchObject({
    terminationGracePeriodSeconds: 45,
    nodeSelector: { disk: 'fast' },
    serviceAccountName: 'guildhall-agent',
  })
  for (const { name, image, env = [] } of other?.containers ?? []) {
    expect(image).toBe('agent:2')
    const valueOf = (wanted: string) => env.findLast((one) => one.name === wanted)?.value
    expect(valueOf('HTTPS_PROXY')).toBe('http://proxy')
    expect(valueOf('HOME')).toBe('/tmp')
    if (name === 'agent') expect(valueOf('GUILDHALL_HUB_URL')).toBe(hubUrl)
  }
  expect(spec?.terminationGracePeriodSeconds).toBe(30)
})
