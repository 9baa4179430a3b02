import { statfs } from 'node:fs/promises'
import type { Cancel, Clock } from '../core/base/clock.ts'
import { diskFull } from './problem.ts'

/**
 * Says how much may still be written, so that the volume never fills up in the middle of something.
 */
export interface DiskGuard {
  /**
   * Bytes that may be written while the reserve stays free. Errors: DiskFull when there are none.
   */
  room(): Promise<number>
}

/** Keeps `reserveBytes` of the file system under `directory` free. */
export function createDiskGuard(options: {
  readonly directory: string
  readonly reserveBytes: number
}): DiskGuard {
  return {
    room: async () => {
      const { bavail, bsize } = await statfs(options.directory)
      const room = bavail * bsize - options.reserveBytes
      if (room <= 0) throw diskFull()
      return room
    },
  }
}

/**
 * Runs `work` and stops it when the volume gets full meanwhile: for work of unknown size, such as a
 * mirror.
 * Errors: DiskFull, those of `work`, the signal's reason.
 */
export async function whileThereIsRoom<T>(
  disk: DiskGuard,
  work: (signal: AbortSignal) => Promise<T>,
  options: { readonly clock: Clock; readonly signal: AbortSignal; readonly everyMs?: number },
): Promise<T> {
  await disk.room()
  const full = new AbortController()
  let cancel: Cancel | undefined
  const lookAgain = () => {
    cancel = options.clock.after(options.everyMs ?? 500, () => {
      disk.room().then(lookAgain, (error: unknown) => full.abort(error))
    })
  }
  lookAgain()
  try {
    return await work(AbortSignal.any([options.signal, full.signal]))
  } finally {
    full.abort(new Error('the work is over'))
    cancel?.()
  }
}
