/** `1 commit`, `2 commits`, `2 tries`. */
export const counted = (value: number, word: string, plural = `${word}s`): string =>
  `${value} ${value === 1 ? word : plural}`
