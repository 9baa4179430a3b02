import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { request } from '../../test/support/objects.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { KubeError } from '../../core/kube/errors.ts'
import { planFile } from '../planning/request.ts'
import { type EditOptions, editPlan, setSuspend } from './edit.ts'

const unit = { name: 'cart', goal: 'A cart', files: ['cart.js'], doneWhen: 'It adds up.' }
const given = { units: [{ ...unit, goal: 'Two carts' }] }

// What a person wrote in vain is kept; here nobody comes back for it.
beforeAll(() => {
  vi.stubEnv('TMPDIR', mkdtempSync(join(tmpdir(), 'guild-edit-test-')))
})
afterAll(() => {
  rmSync(tmpdir(), { recursive: true, force: true })
  vi.unstubAllEnvs()
})

function desk(one: DevRequest, refusal?: KubeError) {
  const patched: unknown[] = []
  const out: string[] = []
  const next: string[] = []
  const client = {
    get: async () => one,
    list: async () => ({ items: [one] }),
    patch: async (_resource: unknown, _ref: unknown, { body }: { readonly body: unknown }) => {
      if (refusal !== undefined) throw refusal
      patched.push(body)
      return one
    },
  } as unknown as EditOptions['connection']['client']
  const options = {
    connection: { client, namespace: 'guildhall' },
    terminal: { out: (text: string) => out.push(text), next: (text: string) => next.push(text) },
    signal: new AbortController().signal,
    name: '@latest',
    cwd: '.',
  }
  return { patched, out, next, options }
}

const waiting = request('shop', { suspend: true, plan: { units: [unit] } })
const begun = request(
  'shop',
  {},
  {
    conditions: [
      {
        type: 'Authorized',
        status: 'True',
        reason: 'Planned',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
  },
)

test('a changed file becomes the plan of the request', async () => {
  const { options, patched, out, next } = desk(waiting)
  await editPlan({
    ...options,
    edit: async (file) => {
      expect(await readFile(file, 'utf8')).toContain('goal: A cart')
      await writeFile(file, planFile(given, []))
    },
  })
  expect(patched).toEqual([{ spec: { plan: given } }])
  expect(out).toEqual(['the plan of shop is changed\n'])
  expect(next[0]).toContain('guild resume shop')
})

test('a file that was left as it is changes nothing', async () => {
  const { options, patched, out } = desk(waiting)
  await editPlan({ ...options, edit: async () => undefined })
  expect(patched).toEqual([])
  expect(out).toEqual(['the plan of shop is as it was\n'])
})

test('what cannot be taken is kept, and the error says where', async () => {
  const { options } = desk(waiting)
  let kept = ''
  const edited = editPlan({
    ...options,
    edit: async (file) => {
      kept = file
      await writeFile(file, 'units: [{name: a}]')
    },
  })
  await expect(edited).rejects.toThrow('units.0.goal')
  await expect(edited).rejects.toMatchObject({ next: expect.stringContaining(kept) as string })
  expect(await readFile(kept, 'utf8')).toBe('units: [{name: a}]')
})

test('when work has begun the plan stands, whoever finds out first', async () => {
  const edit = async (file: string): Promise<void> => writeFile(file, planFile(given, []))
  await expect(editPlan({ ...desk(begun).options, edit })).rejects.toThrow('work on shop has begun')
  const message = 'spec.plan cannot change once the plan is authorized'
  const refusal = new KubeError({ status: 422, reason: 'Invalid', message })
  await expect(editPlan({ ...desk(waiting, refusal).options, edit })).rejects.toMatchObject({
    message: expect.stringContaining('work on shop has begun') as string,
    next: expect.stringMatching(/^guild submit "…" --plan .*shop\.yaml/) as string,
  })
})

test('a request that is not planned yet has nothing to edit', async () => {
  const bare = request('shop', { suspend: true })
  await expect(editPlan({ ...desk(bare).options, edit: async () => undefined })).rejects.toThrow(
    'shop is not planned yet',
  )
})

test('suspend and resume say what they did, and do it once', async () => {
  const paused = desk(request('shop', { suspend: true }))
  await setSuspend({ ...paused.options, suspend: true })
  expect(paused.out).toEqual(['shop is suspended already\n'])
  await setSuspend({ ...paused.options, suspend: false })
  expect(paused.patched).toEqual([{ spec: { suspend: false } }])
  expect(paused.next).toEqual(['guild watch shop'])
  const running = desk(request('shop', { suspend: false }))
  await setSuspend({ ...running.options, suspend: false })
  expect(running.out).toEqual(['shop is not suspended, so there is nothing to resume\n'])
  expect(running.patched).toEqual([])
})

test('a request that is not suspended is told so, in a sentence that can be true', async () => {
  const going = desk(request('shop'))
  await setSuspend({ ...going.options, suspend: false })
  expect(going.out).toEqual(['shop is not suspended, so there is nothing to resume\n'])
  expect(going.patched).toEqual([])
})
