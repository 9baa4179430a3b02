// What runs of the tests prove. Pure. Proof is positive: the absence of failures is never taken for success.

/**
 * What is known of one test in one run. `absent`: the run did not report it. `unjudged`: its file, or the test itself, could
 * not be run here, so nothing is known.
 */
export type TestState = 'passed' | 'failed' | 'skipped' | 'absent' | 'unjudged'

export const testStates = [
  'passed',
  'failed',
  'skipped',
  'absent',
  'unjudged',
] as const satisfies readonly TestState[]

/** One test at the base and in each run of the tree that is judged. */
export interface JudgedTest {
  /** The key of the test, as runs name it. */
  readonly id: string
  readonly base: TestState
  /** At least one. */
  readonly now: readonly TestState[]
  /**
   * `spec`: written for this request, decides about it. `own`: of a test file that the project had before; passing for the
   * first time it is proof, too. `other`: neither, such as another unit's spec.
   */
  readonly kind: 'spec' | 'own' | 'other'
}

/** What a set of tests says about the work. */
export interface Judgement {
  /**
   * `proven`: a test that did not pass before passes now, every spec test passed in every run, nothing was broken.
   * `refuted`: something was broken, or a spec test did not pass. `unproven`: neither.
   */
  readonly verdict: 'proven' | 'refuted' | 'unproven'
  /** Did not pass at the base and passed in every run. */
  readonly proof: readonly JudgedTest[]
  /** Spec tests that did not pass in every run. */
  readonly unmet: readonly JudgedTest[]
  /** Passed at the base, and in no run now. */
  readonly broken: readonly JudgedTest[]
  /** Passed in one run and not in another; no spec tests. */
  readonly flaky: readonly JudgedTest[]
  /** Did not pass at the base and do not pass now; no spec tests. */
  readonly still: readonly JudgedTest[]
}

/** Judges tests; the order of the lists is that of `tests`. */
export function judge(tests: readonly JudgedTest[]): Judgement {
  const proof = tests.filter(isProof)
  const unmet = tests.filter((test) => test.kind === 'spec' && !always(test))
  const broken = tests.filter(
    (test) => test.kind !== 'spec' && test.base === 'passed' && !ever(test),
  )
  const flaky = tests.filter((test) => test.kind !== 'spec' && ever(test) && !always(test))
  const still = tests.filter(
    (test) => test.kind !== 'spec' && test.base !== 'passed' && !ever(test) && seen(test),
  )
  const refuted = unmet.length > 0 || broken.length > 0
  const verdict = refuted ? 'refuted' : proof.length > 0 ? 'proven' : 'unproven'
  return { verdict, proof, unmet, broken, flaky, still }
}

function isProof(test: JudgedTest): boolean {
  if (test.base === 'passed' || !always(test)) return false
  // What could not be run at the base may have passed there, and a test that appears by itself (one for each file of a
  // folder, say) was not written to say something about this work. A spec is new as a whole.
  if (test.kind === 'spec') return true
  return test.kind === 'own' && (test.base === 'failed' || test.base === 'skipped')
}

const always = ({ now }: JudgedTest): boolean =>
  now.length > 0 && now.every((state) => state === 'passed')
const ever = ({ now }: JudgedTest): boolean => now.includes('passed')
const seen = ({ now }: JudgedTest): boolean => now.some((state) => state !== 'absent')
