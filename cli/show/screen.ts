/** What a live picture needs of a terminal. */
export interface Canvas {
  readonly out: (text: string) => void
  /** Lines of the screen. */
  readonly rows: () => number
}

/**
 * A block of lines that is drawn again in place. The scrollback above it stays as it is.
 * Caveat: lines must fit the width of the screen, and a block that is too high loses its middle.
 */
export class Screen {
  readonly #canvas: Canvas
  #drawn = 0

  constructor(canvas: Canvas) {
    this.#canvas = canvas
  }

  /** Replaces the block. */
  draw(lines: readonly string[]): void {
    const shown = fit(lines, this.#canvas.rows() - 1)
    // One write: no flicker, and nothing of ours in between.
    this.#canvas.out(`${this.#home()}${shown.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`)
    this.#drawn = shown.length
  }

  /** Prints lines that stay, above the block; the block must be drawn again afterwards. */
  print(lines: readonly string[]): void {
    if (lines.length === 0) return
    this.#canvas.out(`${this.#home()}${lines.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`)
    this.#drawn = 0
  }

  #home(): string {
    return this.#drawn === 0 ? '' : `\u001b[${this.#drawn}A\r`
  }
}

function fit(lines: readonly string[], rows: number): readonly string[] {
  if (lines.length <= rows) return lines
  const head = Math.min(4, rows - 2)
  const tail = rows - head - 1
  const hidden = lines.length - head - tail
  return [...lines.slice(0, head), `   (${hidden} more lines)`, ...lines.slice(-tail)]
}
