import { expect, test } from 'vitest'
import { statusTable } from './provider.ts'

test('aligns the columns and leaves no blanks at the ends of lines', () => {
  const table = statusTable([
    { component: 'etcd', state: 'ready', detail: 'pid 1' },
    { component: 'kube-apiserver', state: 'stopped', detail: '' },
  ])
  expect(table).toBe(
    [
      'COMPONENT        STATE     DETAIL',
      'etcd             ready     pid 1',
      'kube-apiserver   stopped',
    ].join('\n'),
  )
})
