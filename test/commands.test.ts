// A command that is shown to be typed works as it is typed.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { failureReasons, remedyIn } from '../core/api/failures.ts'

const root = join(import.meta.dirname, '..')

/** The verbs of a command line of kubectl, and the kinds that are in a namespace. */
const verbs =
  'get|describe|logs|exec|delete|wait|port-forward|edit|patch|annotate|label|scale|rollout \\w+|create token|create rolebinding'
const namespacedKinds = [
  'devrequests?',
  'agenttasks?',
  'agents?',
  'languagemodels?',
  'guildhall',
  'pods?',
  'events?',
  'deploy(?:ment)?s?',
  'statefulsets?',
  'services?',
  'leases?',
  'configmaps?|cm',
  'pvc|persistentvolumeclaims?',
  'endpointslices?',
].join('|')
const target = new RegExp(String.raw`(?:^|[\s,])(?:${namespacedKinds})(?:[\s,./]|$)`)
const place = /(?:^|\s)(?:-n[ =]?\S|--namespace[ =]|-A\b|--all-namespaces\b)/

/** Commands of kubectl in a text that name something in a namespace and not the namespace. */
function placeless(text: string): string[] {
  return [...text.matchAll(/\bkubectl [^`'"|;)\n]*/g)]
    .map(([command]) => command.replace(/[.:,]?\s*$/, ''))
    .filter((command) => {
      const found = new RegExp(String.raw`^kubectl (?:-\S+ \S+ )*(?:${verbs})\b(.*)`).exec(command)
      if (found === null || place.test(command)) return false
      if (/^\s*(?:crds?|namespaces?|ns|nodes?|clusterroles?) /.test(found[1] ?? '')) return false
      return target.test(found[1] ?? '') || /^kubectl (?:logs|exec|create token)\b/.test(command)
    })
}

const isComment = (line: string): boolean => /^\s*(?:\*|\/\/|\/\*)/.test(line)
const documents = globSync('{README.md,docs/**/*.md,helm/**/*.{md,txt},examples/*.yaml}', {
  cwd: root,
})
const sources = globSync('{core,operator,cli,forge,agent-image,rehearsal,hack}/**/*.ts', {
  cwd: root,
}).filter((file) => !file.endsWith('.test.ts'))

test('every command of kubectl in the docs names the namespace of what it is about', () => {
  const found = documents.flatMap((file) =>
    placeless(readFileSync(join(root, file), 'utf8')).map((command) => `${file}: ${command}`),
  )
  expect(found).toEqual([])
})

test('every command of kubectl that the programs tell names the namespace of what it is about', () => {
  const found = sources.flatMap((file) => {
    const lines = readFileSync(join(root, file), 'utf8').split('\n')
    const text = lines.filter((line) => !isComment(line)).join('\n')
    return placeless(text).map((command) => `${file}: ${command}`)
  })
  expect(found).toEqual([])
})

test.each(['guildhall', 'team-a', 'guildhall-2'])(
  'remedies name the namespace %s of the object that they stand in',
  (namespace) => {
    for (const reason of failureReasons) {
      const remedy = remedyIn(reason, namespace)
      expect(placeless(remedy)).toEqual([])
      for (const [, named] of remedy.matchAll(/ -n ([\w-]+)/g)) expect(named).toBe(namespace)
    }
  },
)

test.each([
  ['kubectl describe devrequest hello', true],
  ['kubectl describe devrequest hello -n guildhall', false],
  ['kubectl get pods -l app.kubernetes.io/component=ollama', true],
  ['kubectl -n guildhall logs deploy/guildhall-operator -f', false],
  ['kubectl logs statefulset/guildhall-forge.', true],
  ['kubectl get agenttasks -o wide', true],
  ['kubectl get devrequests -A', false],
  ['kubectl get nodes', false],
  ['kubectl delete namespace guildhall', false],
  ['kubectl explain devrequest.spec', false],
  ['kubectl apply -f examples/hello.yaml', false],
  ['kubectl get devrequests,pods', true],
])('%s lacks its namespace: %j', (command, want) => {
  expect(placeless(command).length > 0).toBe(want)
})
