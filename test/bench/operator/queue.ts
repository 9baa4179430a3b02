import { chainsOf } from '../chains.ts'
import { nowMs } from '../observer/now.ts'
import type { FromObserver, ToObserver } from '../observer/protocol.ts'
import { startProgram } from '../program.ts'
import { paths } from '../../lab/paths.ts'
import type { OperatorContender } from './contender.ts'

const waiting = 50

/** Lets 50 tasks wait where no agent is, and tells how many milliseconds later the last of 50 Pods was there. */
export async function queueToPods({ maker, server }: OperatorContender): Promise<number> {
  const observer = startProgram<ToObserver, FromObserver>('observer/main.ts')
  try {
    const watching = observer.hear('watching', 30)
    observer.send({ kind: 'watch', access: server.access, path: paths.pods, shape: 'any' })
    await watching
    const chains = chainsOf('queue-', {
      name: 'queue',
      groups: waiting / 10,
      chains: 10,
      length: 1,
      meanTaskMs: 0,
      oneByOne: false,
      mostSeconds: 60,
    })
    await maker.make(chains)
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    const reached = observer.hear('reached', 60)
    observer.send({ kind: 'await', prefix: '', finished: waiting })
    const begun = nowMs()
    await maker.resume([...new Set(chains.flat().map(({ group }) => group))])
    await reached
    const telling = observer.hear('seen', 30)
    observer.send({ kind: 'tell', prefix: '' })
    const { finished } = await telling
    return Math.max(...Object.values(finished)) - begun
  } finally {
    await observer.stop()
  }
}
