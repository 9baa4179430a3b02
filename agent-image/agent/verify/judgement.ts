// The proof that runs of the tests give. Pure. Proof is positive: the absence of failures is never
// taken for success.

/**
 * The state of one test in one run. `absent`: the run did not report it. `unjudged`: its file, or
 * the test itself, could not be run here, so its state is unknown.
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
  /** In each run of the base; empty when the base says nothing. */
  readonly base: readonly TestState[]
  /** At least one. */
  readonly now: readonly TestState[]
  /**
   * `spec`: written for this request, decides about it. `own`: of a test file that the project had
   * before; passing for the first time it is proof, too. `other`: neither, such as another unit's
   * spec.
   */
  readonly kind: 'spec' | 'own' | 'other'
}

/** The judgement of a set of tests on the work. */
export interface Judgement {
  /**
   * `proven`: a test that did not pass before passes now, every spec test passed in every run,
   * nothing was broken. `refuted`: something was broken, or a spec test did not pass. `unproven`:
   * neither.
   */
  readonly verdict: 'proven' | 'refuted' | 'unproven'
  /** Did not pass at the base and passed in every run. */
  readonly proof: readonly JudgedTest[]
  /** Spec tests that ran, or should have, and did not pass in every run. */
  readonly unmet: readonly JudgedTest[]
  /** Spec tests that could be run neither before nor now. */
  readonly unjudged: readonly JudgedTest[]
  /**
   * Passed in every run of the base and not in every run now, or passed there and in no run now.
   */
  readonly broken: readonly JudgedTest[]
  /**
   * Passed in one run now and not in another, and so it was at the base, or it did not pass there;
   * no spec tests.
   */
  readonly flaky: readonly JudgedTest[]
  /** Did not pass at the base and do not pass now; no spec tests. */
  readonly still: readonly JudgedTest[]
}

/** Judges tests; the order of the lists is that of `tests`. */
export function judge(tests: readonly JudgedTest[]): Judgement {
  const proof = tests.filter(isProof)
  const unjudged = tests.filter(isUnjudged)
  const unmet = tests.filter((test) => test.kind === 'spec' && !always(test) && !isUnjudged(test))
  const broken = tests.filter(isBroken)
  const flaky = tests.filter(
    (test) => test.kind !== 'spec' && ever(test) && !always(test) && !isBroken(test),
  )
  const still = tests.filter(
    (test) => test.kind !== 'spec' && !passedBefore(test) && !ever(test) && seen(test),
  )
  const found = { proof, unmet, unjudged, broken, flaky, still }
  return { verdict: verdictOf(found), ...found }
}

/** The verdict for these lists of tests. */
export function verdictOf(
  found: Pick<Judgement, 'unmet' | 'unjudged' | 'broken' | 'proof'>,
): Judgement['verdict'] {
  if (found.unmet.length > 0 || found.broken.length > 0) return 'refuted'
  return found.proof.length > 0 && found.unjudged.length === 0 ? 'proven' : 'unproven'
}

function isBroken(test: JudgedTest): boolean {
  if (test.kind === 'spec' || !passedBefore(test) || always(test)) return false
  return !ever(test) || test.base.every((state) => state === 'passed')
}

/** Whether a test could not be run, which is neither for nor against the work. */
function isUnjudged(test: JudgedTest): boolean {
  const { kind, now } = test
  const unjudged = now.length > 0 && now.every((state) => state === 'unjudged')
  return kind === 'spec' && unjudged && !passedBefore(test)
}

function isProof(test: JudgedTest): boolean {
  if (passedBefore(test) || !always(test)) return false
  // A test that could not be run at the base may have passed there, and a test that appears by
  // itself (one for each file of a folder, for example) was not written for this work. A spec is
  // new as a whole.
  if (test.kind === 'spec') return true
  return (
    test.kind === 'own' &&
    !test.base.includes('unjudged') &&
    test.base.some((state) => state === 'failed' || state === 'skipped')
  )
}

const always = ({ now }: JudgedTest): boolean =>
  now.length > 0 && now.every((state) => state === 'passed')
const passedBefore = ({ base }: JudgedTest): boolean => base.includes('passed')
const ever = ({ now }: JudgedTest): boolean => now.includes('passed')
const seen = ({ now }: JudgedTest): boolean => now.some((state) => state !== 'absent')
