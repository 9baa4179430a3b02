import { orAborted } from '../base/wait.ts'
import { ModelError } from './errors.ts'

/** Tokens used for a request, or for one task of it. */
export interface TokenCount {
  readonly calls: number
  readonly inputTokens: number
  readonly outputTokens: number
  /**
   * The use that the status showed when this process first counted for it, from before a restart.
   */
  readonly earlierTokens: number
}

/** How many tokens may be used, and how many the status shows as used. */
interface TokenBudget {
  readonly limit?: number | undefined
  readonly used: number
}

/** The budgets that a call counts for; the gateway adds what this process counted since. */
export interface CallBudget {
  readonly request?: TokenBudget
  readonly task?: TokenBudget
}

/** A request, and a task of it when one is meant; the task `''` is the planning. */
export interface TokenOwner {
  readonly request: string
  /**
   * Tells apart requests that have the same name one after the other; absent for calls without a
   * DevRequest.
   */
  readonly requestUid?: string | undefined
  readonly task?: string | undefined
}

/** The tokens of this process by request and task. */
interface Ledger {
  /** The accounts that one call counts for; without a task it is for planning. */
  readonly open: (owner: TokenOwner & { readonly budget?: CallBudget | undefined }) => CallAccounts
  readonly of: (owner: TokenOwner) => TokenCount
  /**
   * Forgets earlier requests with this name; `uid` is that of the one that has it now. Calls of the
   * forgotten ones that are still under way count for no request.
   */
  readonly forgetOthers: (request: string, uid: string | undefined) => void
}

/** The accounts of one call. */
interface CallAccounts {
  /**
   * Sets tokens aside until they are given back; undefined while there is no room besides the
   * tokens that are set aside for other calls.
   * Throws `BudgetExhausted` when a budget would be passed even without those.
   */
  readonly reserve: (tokens: number) => (() => void) | undefined
  /**
   * Waits until so many tokens could be set aside. Throws as `reserve` does, and the signal's
   * reason.
   */
  readonly room: (
    tokens: number,
    options: { readonly signal?: AbortSignal | undefined },
  ) => Promise<void>
  readonly add: (inputTokens: number, outputTokens: number) => void
  /** Counts the call, once it has ended. */
  readonly called: () => void
}

interface Account {
  calls: number
  input: number
  output: number
  earlier: number
  reserved: number
}

/** The accounts of one request; `whole` is there as soon as one of its tasks has an account. */
interface RequestAccounts {
  readonly whole: Account
  readonly tasks: Map<string, Account>
}

/** An account and its budget. */
interface LimitedAccount {
  readonly account: Account
  readonly budget: TokenBudget | undefined
  readonly who: string
  readonly setting: string
}

const none: TokenCount = { calls: 0, inputTokens: 0, outputTokens: 0, earlierTokens: 0 }

/**
 * Makes an empty ledger.
 * Caveat: tokens that a process used before it died are lost unless they stand in a status.
 */
export function createLedger(): Ledger {
  /** By name, then by uid. */
  const accounts = new Map<string, Map<string, RequestAccounts>>()
  /** Calls that wait until another call gives tokens back. */
  const waiting = new Set<() => void>()

  function accountsOf(
    { request, requestUid = '' }: TokenOwner,
    budget: CallBudget | undefined,
  ): RequestAccounts {
    const named = accounts.get(request) ?? new Map<string, RequestAccounts>()
    accounts.set(request, named)
    const own = named.get(requestUid) ?? { whole: newAccount(budget?.request), tasks: new Map() }
    named.set(requestUid, own)
    return own
  }

  function reserve(all: readonly LimitedAccount[], tokens: number): (() => void) | undefined {
    if (!hasRoom(all, tokens)) return undefined
    for (const { account } of all) account.reserved += tokens
    return () => {
      for (const { account } of all) account.reserved -= tokens
      for (const wake of waiting) wake()
    }
  }

  async function givenBack(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.add(resolve)
    try {
      await (signal === undefined ? promise : orAborted(signal, promise))
    } finally {
      waiting.delete(resolve)
    }
  }

  return {
    open({ budget, ...owner }) {
      const { request, task = '' } = owner
      const { whole, tasks } = accountsOf(owner, budget)
      const account = tasks.get(task) ?? newAccount(budget?.task)
      tasks.set(task, account)
      const all: readonly LimitedAccount[] = [
        {
          account: whole,
          budget: budget?.request,
          who: `request ${request}`,
          setting: 'spec.limits.tokens',
        },
        { account, budget: budget?.task, who: `task ${task}`, setting: 'spec.limits.taskTokens' },
      ]
      return {
        reserve: (tokens) => reserve(all, tokens),
        async room(tokens, { signal }) {
          while (!hasRoom(all, tokens)) await givenBack(signal)
        },
        add(inputTokens, outputTokens) {
          for (const one of [whole, account]) {
            one.input += inputTokens
            one.output += outputTokens
          }
        },
        called() {
          for (const one of [whole, account]) one.calls++
        },
      }
    },
    of({ request, requestUid = '', task }) {
      const own = accounts.get(request)?.get(requestUid)
      const account = task === undefined ? own?.whole : own?.tasks.get(task)
      if (account === undefined) return none
      const { calls, input, output, earlier } = account
      return { calls, inputTokens: input, outputTokens: output, earlierTokens: earlier }
    },
    forgetOthers(request, uid) {
      const named = accounts.get(request)
      if (named === undefined) return
      for (const other of named.keys()) if (other !== uid) named.delete(other)
      if (named.size === 0) accounts.delete(request)
    },
  }
}

function newAccount(budget: TokenBudget | undefined): Account {
  return { calls: 0, input: 0, output: 0, earlier: budget?.used ?? 0, reserved: 0 }
}

/**
 * False when other calls have set the room aside. Throws `BudgetExhausted` when there is no room
 * even without them.
 */
function hasRoom(all: readonly LimitedAccount[], tokens: number): boolean {
  let fits = true
  for (const { account, budget, who, setting } of all) {
    const counted = account.earlier + account.input + account.output
    // The status may hold more, because another leader counted meanwhile.
    const used = Math.max(counted, budget?.used ?? 0)
    const limit = budget?.limit ?? Infinity
    if (used + tokens > limit) {
      throw new ModelError(
        'BudgetExhausted',
        `${who} may use ${limit} tokens: ${used} are used, and the next question with its answer may take ${tokens}; raise ${setting} of the request, or ask for less`,
      )
    }
    if (used + account.reserved + tokens > limit) fits = false
  }
  return fits
}
