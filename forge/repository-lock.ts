/** Runs work on one repository at a time, in the order it was asked for; other repositories do not wait. */
export class RepositoryLock {
  readonly #tails = new Map<string, Promise<void>>()

  /**
   * Errors: those of `work`; the signal's reason when the caller gave up while waiting. Work that has begun is not
   * interrupted from here.
   */
  async hold<T>(
    repository: string,
    work: () => Promise<T>,
    options: { readonly signal: AbortSignal },
  ): Promise<T> {
    const before = this.#tails.get(repository) ?? Promise.resolve()
    const turn = Promise.withResolvers<void>()
    const tail = before.then(() => turn.promise)
    this.#tails.set(repository, tail)
    try {
      await before
      options.signal.throwIfAborted()
      return await work()
    } finally {
      turn.resolve()
      if (this.#tails.get(repository) === tail) this.#tails.delete(repository)
    }
  }
}
