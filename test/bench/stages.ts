/** The parts of a long run: one that fails costs its own figures, not those of the others. */
export class Stages {
  /** What failed, as sentences. */
  readonly troubles: string[] = []

  /** Carries out a part; undefined when it failed. */
  async attempt<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      this.troubles.push(`${what}: ${why}`)
      console.error(`${what} failed: ${why}`)
      return undefined
    }
  }
}
