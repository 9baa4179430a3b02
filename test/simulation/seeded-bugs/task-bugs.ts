import type { SeededBug } from './bugs.ts'

const transitions = 'core/tasks/transitions.ts'

/** Mistakes in the life of a task: fencing, attempts, dependencies, merging, audit. */
export const taskBugs: readonly SeededBug[] = [
  {
    name: 'fencing-by-pod-removed',
    story: 'A report counts whoever sends it.',
    edits: [
      {
        file: transitions,
        find: 'if (assignment?.podUid !== from.podUid || assignment.attempt !== report.attempt)',
        replace: 'if (assignment?.attempt !== report.attempt)',
      },
    ],
  },
  {
    name: 'fencing-by-attempt-removed',
    story: 'A report of an earlier attempt counts for the present one.',
    edits: [
      {
        file: transitions,
        find: 'if (assignment?.podUid !== from.podUid || assignment.attempt !== report.attempt)',
        replace: 'if (assignment?.podUid !== from.podUid)',
      },
    ],
  },
  {
    name: 'report-accepted-twice',
    story: 'A task whose result was accepted takes another one.',
    edits: [
      {
        file: transitions,
        find: '  if (heldBy(task) === undefined) {\n    const over',
        replace:
          '  if (heldBy(task) === undefined && task.status?.result === undefined) {\n    const over',
      },
    ],
  },
  {
    name: 'blind-status-write',
    story: 'Statuses are written without the version they were decided on.',
    edits: [
      {
        file: 'operator/controllers/write-status.ts',
        find: 'const next = { ...object, status: { ...status, audit } }',
        replace:
          'const next = { ...object, metadata: { ...object.metadata, resourceVersion: undefined }, status: { ...status, audit } }',
      },
    ],
  },
  {
    name: 'attempt-number-kept',
    story: 'The next attempt gets the number of the last one.',
    edits: [
      {
        file: transitions,
        find: 'const attempt = (task.status?.assignment?.attempt ?? 0) + 1',
        replace: 'const attempt = Math.max(1, task.status?.assignment?.attempt ?? 0)',
      },
    ],
  },
  {
    name: 'attempts-without-end',
    story: 'A task is tried more often than it may.',
    edits: [
      {
        file: transitions,
        find: 'used >= task.spec.maxAttempts ||',
        replace: 'used > task.spec.maxAttempts ||',
      },
    ],
  },
  {
    name: 'given-up-too-early',
    story: 'The first failure dead-letters a task.',
    edits: [
      {
        file: transitions,
        find: 'used >= task.spec.maxAttempts ||',
        replace: 'used >= 1 ||',
      },
    ],
  },
  {
    name: 'dependencies-ignored',
    story: 'A task starts as soon as one of those it waits for is there.',
    edits: [
      {
        file: 'core/tasks/transitions.ts',
        find: "return { state: met ? 'ready' : 'waiting' }",
        replace:
          "return { state: met || needed.some((other) => other !== undefined) ? 'ready' : 'waiting' }",
      },
    ],
  },
  {
    name: 'skips-are-spared',
    story: 'A task behind one that failed for good is started.',
    edits: [
      {
        file: 'core/tasks/transitions.ts',
        find: 'other !== undefined && (isComplete(other) || (isFinished(other) && maySpare(other))),',
        replace: 'other !== undefined && isFinished(other),',
      },
      {
        file: 'core/tasks/transitions.ts',
        find: '(other) => other !== undefined && hasFailed(other) && !maySpare(other)',
        replace: '(other) => other !== undefined && hasFailed(other) && false',
      },
    ],
  },
  {
    name: 'succeeds-before-the-merge',
    story: 'A result with a commit ends the task before anybody merged it.',
    edits: [
      {
        file: transitions,
        find: '  if (result.commit === undefined)\n    return { kind:',
        replace: '  if (result.commit !== null)\n    return { kind:',
      },
    ],
  },
  {
    name: 'audit-told-after-the-write',
    story:
      'The status write does not carry its audit record: a crash right after it loses the record.',
    edits: [
      {
        file: 'operator/audit/outbox.ts',
        find: 'return { stored: before.stored + gone, pending: [...pending, transition] }',
        replace:
          'return { stored: before.stored + gone + (transition.actor === "operator" ? 1 : 0), pending: transition.actor === "operator" ? pending : [...pending, transition] }',
      },
    ],
  },
  {
    name: 'audit-begins-anew',
    story: 'A new leader chains its records to nothing.',
    edits: [
      {
        file: 'operator/audit/log.ts',
        find: 'let head = headOf(segment.lines)',
        replace: 'let head = headOf(this.#recent.size > 1 ? segment.lines : [])',
      },
    ],
  },
  {
    name: 'audit-repeats-itself',
    story: 'Records that the log holds already are not looked for.',
    edits: [
      {
        file: 'operator/audit/log.ts',
        find: 'if (keys.has(item.key)) found.push(item)',
        replace: 'if (keys.has(item.key) && item.progress === undefined) found.push(item)',
      },
    ],
  },
  {
    name: 'plan-of-the-last-answer',
    story: 'A second plan replaces the stored one.',
    edits: [
      {
        file: 'operator/controllers/devrequest/status.ts',
        find: "planning.state === 'done' && planning.plan.revision > (before.plan?.revision ?? 0)",
        replace: "planning.state === 'done'",
      },
      {
        file: 'operator/controllers/devrequest/decide.ts',
        find: 'if (plan === undefined)',
        replace: 'if (plan === undefined || seen.planning.state === "idle")',
      },
    ],
  },
  {
    name: 'work-starts-while-people-read',
    story: 'Tasks are made as soon as there is a plan, suspended or not.',
    edits: [
      {
        file: 'operator/controllers/devrequest/decide.ts',
        find: 'if (!isTrue({ status }, Authorized)) return undefined',
        replace: '',
      },
    ],
  },
  {
    name: 'changed-plan-is-not-read',
    story: 'The plan that was made stands, whatever the person gives instead.',
    edits: [
      {
        file: 'operator/controllers/devrequest/status.ts',
        find: 'return plan.given === givenHash(request.spec.plan) ? plan : undefined',
        replace: 'return plan',
      },
    ],
  },
  {
    name: 'failed-request-succeeds',
    story: 'A request whose tasks are not over is delivered.',
    edits: [
      {
        file: 'operator/controllers/devrequest/decide.ts',
        find: 'if (!tasks.every(isFinished))',
        replace: 'if (!tasks.some(isFinished))',
      },
    ],
  },
  {
    name: 'dead-request-served',
    story: 'Tasks of a request that was deleted are made again and again, on an old view of it.',
    edits: [
      {
        file: 'operator/controllers/devrequest/create-tasks.ts',
        find: 'if (isAnew && !(await isThere(world, request, signal))) return done',
        replace: 'if (isAnew && tasks.length < 0) return done',
      },
    ],
  },
]
