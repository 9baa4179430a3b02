import type { SeededBug } from './bugs.ts'

/** Mistakes in `core/kube` and `core/kube/runtime`. */
export const kernelBugs: readonly SeededBug[] = [
  {
    name: 'lease-taken-without-waiting',
    story: 'A follower takes the Lease without waiting for it to run out.',
    edits: [
      {
        file: 'core/kube/runtime/leader.ts',
        find: 'if (clock.monotonic() - this.#seenAt < theirMs) return false',
        replace: 'if (clock.monotonic() - this.#seenAt < theirMs / 1e6) return false',
      },
    ],
  },
  {
    name: 'own-writes-forgotten',
    story: 'A reconcile acts on a view that is older than its own last write.',
    edits: [
      {
        file: 'core/kube/runtime/controller.ts',
        find: "return version === '' || view.waitForVersion(",
        replace: "return version !== 'never' || view.waitForVersion(",
      },
    ],
  },
  {
    name: 'expired-watch-goes-on',
    story: 'A watch whose version is too old is opened again from there for ever.',
    edits: [
      {
        file: 'core/kube/reflector.ts',
        find: "const next = state.kind === 'watching' && passing ? resumed : this.#fullReading()",
        replace: "const next = state.kind === 'watching' ? resumed : this.#fullReading()",
      },
      {
        file: 'core/kube/reflector.ts',
        find: 'if (isGone(error) && this.#failures === 1) {',
        replace: 'if (isGone(error) && this.#failures < 0) {',
      },
    ],
  },
  {
    name: 'silent-watch-trusted',
    story: 'A watch that says nothing is believed for ever.',
    edits: [
      {
        file: 'core/kube/reflector.ts',
        find: 'if (error instanceof DeadlineError) {',
        replace:
          "if (error instanceof DeadlineError) {\n      return { kind: 'waiting', ms: 1e9, next: resumed }",
      },
    ],
  },
  {
    name: 'older-events-believed',
    story: 'An event that is older than what is known replaces it.',
    edits: [
      {
        file: 'core/kube/store.ts',
        find: "return isLate && entry.version !== '' ? [] : this.#set(entry, previous)",
        replace: "return isLate && entry.version === 'never' ? [] : this.#set(entry, previous)",
      },
    ],
  },
  {
    name: 'key-lost-while-under-work',
    story: 'A change that comes while its key is worked on is not looked at again.',
    edits: [
      {
        file: 'core/kube/runtime/queue.ts',
        find: 'if (!this.#thisTurn.has(key) && this.#again.delete(key)) this.#push(key)',
        replace: 'if (!this.#thisTurn.has(key)) this.#again.delete(key)',
      },
      {
        file: 'core/kube/runtime/queue.ts',
        find: 'this.#again.delete(key)\n      this.#push(key)',
        replace: 'this.#again.delete(key)',
      },
    ],
  },
  {
    name: 'failures-are-not-repeated',
    story: 'A reconcile that failed is not tried again.',
    edits: [
      {
        file: 'core/kube/runtime/controller.ts',
        find: "if (next.kind === 'backOff') this.#queue.addRateLimited(key, next.atLeastMs)",
        replace: "if (next.kind === 'backOff') this.#queue.forget(key)",
      },
    ],
  },
  {
    name: 'failures-without-back-off',
    story: 'A reconcile that failed is tried again at once.',
    edits: [
      {
        file: 'core/kube/runtime/controller.ts',
        find: "if (next.kind === 'backOff') this.#queue.addRateLimited(key, next.atLeastMs)",
        replace: "if (next.kind === 'backOff') this.#queue.addAfter(key, 5)",
      },
    ],
  },
  {
    name: 'unseen-creation-untold',
    story: 'What was made and removed before the cache showed it is no news to whoever made it.',
    edits: [
      {
        file: 'core/kube/informer.ts',
        find: 'const all = [...changes, ...this.#removedUnseen(changes, isRestored)]',
        replace: 'const all = changes',
      },
    ],
  },
  {
    name: 'wait-without-time',
    story: 'A wait of which rounding left next to nothing is begun again and again.',
    edits: [
      {
        file: 'core/kube/runtime/queue.ts',
        find: 'else this.#delayed.put(key, Math.max(1, ms))',
        replace: 'else this.#delayed.put(key, Math.max(0, ms))',
      },
    ],
  },
]
