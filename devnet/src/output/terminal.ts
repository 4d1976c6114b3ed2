import type { WriteStream } from 'node:tty'
import { styleText } from 'node:util'
import type { DevnetEvent } from './event.ts'
import { renderLines, type Style, seconds } from './lines.ts'

const FRAMES = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'
const FRAME_MS = 120
const CLEAR_LINE = '\r\x1b[K'

const COLOURS = { title: 'bold', good: 'green', bad: 'red', faint: 'dim' } as const

/** Live steps: the lines of a step, and under them a spinner with the time it has taken so far. */
export class Terminal implements Disposable {
  readonly #stream: WriteStream
  readonly #style: Style
  #timer: NodeJS.Timeout | undefined
  #frame = 0

  constructor(stream: WriteStream) {
    this.#stream = stream
    this.#style = (kind, text) => styleText(COLOURS[kind], text, { stream })
  }

  show(event: DevnetEvent): void {
    if (this.#timer) this.#stream.write(CLEAR_LINE)
    for (const line of renderLines(event, this.#style)) this.#stream.write(`${line}\n`)
    if (event.event === 'step') this.#spin()
    else if (event.event !== 'say') this[Symbol.dispose]()
  }

  #spin(): void {
    this[Symbol.dispose]()
    const began = performance.now()
    this.#timer = setInterval(() => {
      const frame = FRAMES[this.#frame++ % FRAMES.length]
      this.#stream.write(`${CLEAR_LINE}   ${frame} ${this.#style('faint', seconds(performance.now() - began))}`)
    }, FRAME_MS)
    this.#timer.unref()
  }

  [Symbol.dispose](): void {
    if (this.#timer) this.#stream.write(CLEAR_LINE)
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
