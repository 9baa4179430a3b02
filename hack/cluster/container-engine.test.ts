import { describe, expect, it } from 'vitest'
import { judgeProbe } from './container-engine.ts'

const start = 'docker: Error response from daemon: failed to create shim task: OCI runtime create'

describe('judgeProbe', () => {
  it.each([
    {
      title: 'takes an engine that got as far as looking for the program (runc)',
      stderr: `${start} failed: exec: "/nothing": stat /nothing: no such file or directory: unknown.`,
      want: true,
    },
    {
      title: 'takes an engine that got as far as looking for the program (crun)',
      stderr:
        'Error: crun: executable file `/nothing` not found in $PATH: No such file or directory',
      want: true,
    },
    {
      title: 'refuses an engine that lacks a capability itself',
      stderr: `${start} failed: unable to apply caps: operation not permitted: unknown.`,
      want: false,
    },
    { title: 'refuses an engine that says nothing', stderr: '', want: false },
  ])('$title', ({ stderr, want }) => {
    expect(judgeProbe(stderr).usable).toBe(want)
  })
})
