import { ModelError } from './errors.ts'

/** Tokens used for a request, or for one task of it. */
export interface TokenCount {
  readonly calls: number
  readonly inputTokens: number
  readonly outputTokens: number
  /** What its status showed when this process first heard of it: used before a restart. */
  readonly earlierTokens: number
}

/** How many tokens may be used, and what a status shows as used. */
export interface TokenBudget {
  readonly limit?: number | undefined
  readonly used: number
}

/** The budgets a call counts for; what this process counted since is added by the gateway. */
export interface CallBudget {
  readonly request?: TokenBudget
  readonly task?: TokenBudget
}

/** For whom a call is; without a task it is for planning. */
export interface Owner {
  readonly request: string
  readonly task?: string | undefined
  readonly budget?: CallBudget | undefined
}

/** The tokens of this process by request and task. */
export interface Ledger {
  /**
   * Sets tokens aside until they are given back. Throws `BudgetExhausted` when a budget would be passed with them and with
   * all that is set aside for calls under way.
   */
  readonly reserve: (owner: Owner, tokens: number) => () => void
  readonly add: (owner: Owner, inputTokens: number, outputTokens: number) => void
  /** A call ended. */
  readonly called: (owner: Owner) => void
  readonly of: (owner: { readonly request: string; readonly task?: string }) => TokenCount
  readonly forget: (request: string) => void
}

interface Account {
  calls: number
  input: number
  output: number
  earlier: number
  reserved: number
}

const none: TokenCount = { calls: 0, inputTokens: 0, outputTokens: 0, earlierTokens: 0 }

/**
 * Makes an empty ledger.
 * Caveat: what was used in a process that died, and stands in no status yet, is not known.
 */
export function createLedger(): Ledger {
  const accounts = new Map<string, Account>()

  function accountOf(key: string, budget: TokenBudget | undefined): Account {
    const known = accounts.get(key)
    if (known !== undefined) return known
    const { used: earlier = 0 } = budget ?? {}
    const account: Account = { calls: 0, input: 0, output: 0, earlier, reserved: 0 }
    accounts.set(key, account)
    return account
  }

  function accountsOf({ request, task, budget }: Owner) {
    return [
      {
        account: accountOf(request, budget?.request),
        budget: budget?.request,
        who: `request ${request}`,
        setting: 'spec.limits.tokens',
      },
      {
        account: accountOf(`${request}/${task ?? ''}`, budget?.task),
        budget: budget?.task,
        who: `task ${task ?? ''}`,
        setting: 'spec.limits.taskTokens',
      },
    ]
  }

  return {
    reserve(owner, tokens) {
      const all = accountsOf(owner)
      for (const { account, budget, who, setting } of all) {
        const counted = account.earlier + account.input + account.output
        // Another leader may have counted meanwhile; then the status knows better.
        const used = Math.max(counted, budget?.used ?? 0)
        if (used + account.reserved + tokens <= (budget?.limit ?? Infinity)) continue
        throw new ModelError(
          'BudgetExhausted',
          `${who} may use ${budget?.limit} tokens: ${used} are used, and the next question with its answer may take ${tokens}; raise ${setting} of the request, or ask for less`,
        )
      }
      for (const { account } of all) account.reserved += tokens
      return () => {
        for (const { account } of all) account.reserved -= tokens
      }
    },
    add(owner, inputTokens, outputTokens) {
      for (const { account } of accountsOf(owner)) {
        account.input += inputTokens
        account.output += outputTokens
      }
    },
    called(owner) {
      for (const { account } of accountsOf(owner)) account.calls++
    },
    of({ request, task }) {
      const account = accounts.get(task === undefined ? request : `${request}/${task}`)
      if (account === undefined) return none
      const { calls, input, output, earlier } = account
      return { calls, inputTokens: input, outputTokens: output, earlierTokens: earlier }
    },
    forget(request) {
      for (const key of accounts.keys()) {
        if (key === request || key.startsWith(`${request}/`)) accounts.delete(key)
      }
    },
  }
}
