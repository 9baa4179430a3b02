import { join } from 'node:path'
import { expect, test } from 'vitest'
import { asDuration, milliseconds } from './arguments.ts'
import { asTyped, inSamePlace, workingDirectory } from './terminal.ts'

test.each([
  ['30', 30_000],
  ['1.5s', 1500],
  ['10m', 600_000],
  ['2h', 7_200_000],
])('%s is %i ms', (text, want) => {
  expect(milliseconds(text)).toBe(want)
})

test.each(['0', '0s', '0.0m', '0.0001s'])('%s is no time to wait', (text) => {
  expect(() => milliseconds(text)).toThrow(/longer than 0/)
})

test.each(['501h', '999999999', '40000m'])('%s is longer than timers count', (text) => {
  expect(() => milliseconds(text)).toThrow(/500h at most/)
})

test.each(['45s', '90s', '10m', '2h', '90m'])('%s is told as it is typed', (text) => {
  expect(asDuration(milliseconds(text))).toBe(text === '90s' ? '90s' : text)
})

test.each(['', 'm', '5 min', '-3s'])('"%s" is no duration', (text) => {
  expect(() => milliseconds(text)).toThrow(/30s, 10m or 2h/)
})

test('paths are meant from where the person stands, not from where npm runs us', () => {
  const env = { npm_lifecycle_event: 'guild', INIT_CWD: '/home/ada' }
  expect(workingDirectory(env)).toBe('/home/ada')
  expect(workingDirectory({ INIT_CWD: '/home/ada' })).toBe(process.cwd())
})

test('in the clone the next command is named with npm before it', () => {
  expect(asTyped('guild list', { npm_lifecycle_event: 'guild' })).toBe('npm run -s guild -- list')
  expect(asTyped('guild list', { npm_lifecycle_event: 'demo' })).toBe('npm run -s guild -- list')
  expect(asTyped('guild list', {})).toBe('guild list')
  expect(asTyped('git switch guild/a', { npm_lifecycle_event: 'guild' })).toBe('git switch guild/a')
})

const clone = join(import.meta.dirname, '..')

test.each([
  ['in the clone', clone, 'npm run -s guild -- list'],
  ['in a folder of it', join(clone, 'docs/reference'), 'npm run -s guild -- list'],
  ['beside it', `${clone}-2`, `npm --prefix ${clone} run -s guild -- list`],
  ['in another project', '/home/ada/shop', `npm --prefix ${clone} run -s guild -- list`],
])('the next command works where the person stands: %s', (_, stands, want) => {
  expect(asTyped('guild list', { npm_lifecycle_event: 'guild', INIT_CWD: stands })).toBe(want)
})

test.each([
  ['guild submit -f examples/hello.yaml', ' -f CLONE/examples/hello.yaml'],
  ['helm upgrade --install guildhall helm/guildhall -n a', ' guildhall CLONE/helm/guildhall -n a'],
  [
    'kubectl cluster-info   (or: npm run -s cluster -- status)',
    'npm --prefix CLONE run -s cluster',
  ],
])('%s names the clone where it is typed elsewhere', (command, want) => {
  const env = { npm_lifecycle_event: 'guild', INIT_CWD: '/home/ada' }
  expect(asTyped(command, env)).toContain(want.replace('CLONE', clone))
})

test.each([
  ['guild watch a', { namespace: 'team' }, 'guild watch a -n team'],
  ['guild list -n other', { namespace: 'team' }, 'guild list -n other'],
  ['guild watch a', { kubeconfig: '/a b/c' }, "guild watch a --kubeconfig '/a b/c'"],
  ['guild tree a', { context: 'prod' }, 'guild tree a --context prod'],
  ['guild tree a   (or list)', { namespace: 'x' }, 'guild tree a -n x   (or list)'],
  ['kubectl get events -n guildhall', { namespace: 'x' }, 'kubectl get events -n guildhall'],
  [
    'kubectl delete devrequest a -n default   (then: guild submit … -n guildhall)',
    { namespace: 'default' },
    'kubectl delete devrequest a -n default   (then: guild submit … -n guildhall)',
  ],
  [
    'kubectl auth whoami',
    { kubeconfig: '/k', context: 'prod' },
    'kubectl auth whoami --kubeconfig /k --context prod',
  ],
  [
    'kubectl config view --minify --kubeconfig /k',
    { kubeconfig: '/k' },
    'kubectl config view --minify --kubeconfig /k',
  ],
  [
    'helm upgrade --install guildhall helm/guildhall -n a',
    { namespace: 'b', context: 'prod' },
    'helm upgrade --install guildhall helm/guildhall -n a --kube-context prod',
  ],
  ['guild plan --repo .', { namespace: 'x' }, 'guild plan --repo .'],
  ['git switch guild/a', { namespace: 'x' }, 'git switch guild/a'],
  ['guild list', {}, 'guild list'],
])('%s, after flags that name a place, finds the same place', (command, flags, want) => {
  expect(inSamePlace(command, flags)).toBe(want)
})
