import type { LanguageModel } from '../../../core/api/language-model.ts'
import type { Clock } from '../../../core/base/clock.ts'
import type { Logger } from '../../../core/base/logger.ts'
import { keyOf } from '../../../core/kube/resource.ts'
import { askedContext, type ModelProfile } from '../../../core/models/profile.ts'
import { Job } from '../../../core/base/jobs.ts'
import { Memory, type Remembered } from '../../../core/kube/runtime/memory.ts'
import type {
  ModelServers,
  SelfTestResult,
  SelfTestState,
} from '../../../core/models/fleet/fleet.ts'

/** A self-test of certain weights with certain options. */
interface SelfTest {
  readonly profile: ModelProfile
  readonly digest: string
  readonly job: Job<SelfTestResult>
}

/** The pause after a self-test that failed to run to its end. */
const pauseMs = 30_000

/** The parts that self-tests need. */
interface SelfTestsOptions {
  readonly models: Remembered<LanguageModel>
  readonly profileOf: (model: LanguageModel) => ModelProfile
  readonly servers: Pick<ModelServers, 'test'>
  readonly onChange: (key: string) => void
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Runs self-tests beside the reconciles, because on a CPU one takes minutes. After a crash a test
 * is run again.
 * Guarantees: one test for a model at a time, stopped when the model is deleted or asked at another
 * server; `onChange` gets the object's key when a test ends or may begin again; a result counts
 * only for the weights and options it tested.
 */
export class SelfTests {
  readonly #tests: Memory<LanguageModel, SelfTest>
  readonly #options: SelfTestsOptions

  constructor(options: SelfTestsOptions) {
    this.#options = options
    this.#tests = new Memory(options.models, {
      until: (model, { profile }) =>
        model.metadata.deletionTimestamp !== undefined ||
        !isSameModel(options.profileOf(model), profile),
      onForgotten: ({ job }) => job.stop('nobody waits for the test any more'),
    })
  }

  /**
   * The state of the test of these weights with these options; undefined when it may be started.
   */
  stateOf(model: LanguageModel, profile: ModelProfile, digest: string): SelfTestState | undefined {
    const test = this.#tests.get(model)
    if (test === undefined || !isAbout(test, profile, digest)) return undefined
    const { state } = test.job
    if (state.kind === 'running') return { kind: 'running' }
    if (state.kind === 'done') return { kind: 'done', digest, result: state.result }
    if (state.kind === 'idle' || !state.isResting) return undefined
    const { error } = state
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) }
  }

  /** Starts a test; it takes the place of one with other weights or options. */
  start(model: LanguageModel, profile: ModelProfile, digest: string, probes: boolean): void {
    this.#tests.delete(model)
    const { servers, clock, log, onChange } = this.#options
    const job = new Job<SelfTestResult>({
      clock,
      pauseMs(_failures, error) {
        log.warn({ model: profile.name, err: error }, 'self-test failed')
        return pauseMs
      },
      onChange: () => onChange(keyOf(model.metadata)),
    })
    this.#tests.set(model, { profile, digest, job })
    job.start(({ signal }) => servers.test(profile, { probes, signal }))
  }
}

/** Whether both profiles name the same model on the same server. */
export function isSameModel(a: ModelProfile, b: ModelProfile): boolean {
  return a.name === b.name && a.endpoint === b.endpoint
}

function isAbout(test: SelfTest, profile: ModelProfile, digest: string): boolean {
  return (
    test.digest === digest &&
    test.profile.endpoint === profile.endpoint &&
    // The test itself finds out the context that the server gives; that must not start another
    // test.
    askedContext(test.profile) === askedContext(profile)
  )
}
