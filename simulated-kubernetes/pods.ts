import { isFields, isEqual } from './json.ts'
import type { BuiltIn } from './kind.ts'
import type { StoredObject } from './metadata.ts'
import { type FieldProblem, forbiddenField, requiredValue } from './refusal.ts'

/**
 * The strategy of Pods: the defaults that this project reads, the least checks, and the graceful
 * deletion.
 */
export const podStrategy: Partial<BuiltIn> = {
  prepare: (object) => ({
    ...object,
    spec: withDefaults(specOf(object)),
    status: { phase: 'Pending', qosClass: 'BestEffort' },
  }),
  change: (next, old) => ({
    ...next,
    spec: withDefaults(specOf(next)),
    ...(old['status'] === undefined ? {} : { status: old['status'] }),
  }),
  changeStatus: (next, old) => ({
    ...next,
    spec: old['spec'],
    status: { ...fieldsOf(next['status']), qosClass: fieldsOf(old['status'])['qosClass'] },
    metadata: { ...next.metadata, ownerReferences: old.metadata.ownerReferences },
  }),
  problems: containerProblems,
  changeProblems: (next, old) => [...containerProblems(next), ...specChangeProblems(next, old)],
  grace: graceOf,
}

const specOf = (object: StoredObject) => fieldsOf(object['spec'])
const fieldsOf = (value: unknown) => (isFields(value) ? value : {})

function withDefaults(spec: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
    enableServiceLinks: true,
    ...spec,
    ...(typeof spec['serviceAccountName'] === 'string'
      ? { serviceAccount: spec['serviceAccountName'] }
      : {}),
  }
}

function containerProblems(object: StoredObject): readonly FieldProblem[] {
  const { containers } = specOf(object)
  if (!Array.isArray(containers) || containers.length === 0) {
    return [requiredValue('spec.containers')]
  }
  return containers.flatMap((container: unknown, index) => {
    const at = `spec.containers[${index}]`
    const { name, image } = fieldsOf(container)
    return [
      ...(name ? [] : [requiredValue(`${at}.name`)]),
      ...(image ? [] : [requiredValue(`${at}.image`)]),
    ]
  })
}

const changeable = [
  'containers',
  'initContainers',
  'activeDeadlineSeconds',
  'tolerations',
  'terminationGracePeriodSeconds',
  'nodeName',
]

function specChangeProblems(next: StoredObject, old: StoredObject): readonly FieldProblem[] {
  const rest = (object: StoredObject) =>
    Object.fromEntries(
      Object.entries(specOf(object)).filter(([name]) => !changeable.includes(name)),
    )
  if (isEqual(rest(next), rest(old))) return []
  return [
    forbiddenField(
      'spec',
      'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    ),
  ]
}

/**
 * A Pod that runs somewhere goes when its kubelet says so; one that runs nowhere, or is over, goes
 * at once.
 */
function graceOf(object: StoredObject, asked: number | undefined): number | undefined {
  const { terminationGracePeriodSeconds, nodeName } = specOf(object)
  const { phase } = fieldsOf(object['status'])
  if (!nodeName || phase === 'Failed' || phase === 'Succeeded') return 0
  if (asked !== undefined) return asked
  return typeof terminationGracePeriodSeconds === 'number' ? terminationGracePeriodSeconds : 30
}
