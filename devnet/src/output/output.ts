import type { WriteStream } from 'node:tty'
import type { DevnetEvent, UntimedEvent } from './event.ts'
import { renderLines } from './lines.ts'
import { Terminal } from './terminal.ts'

/** Where events go. */
export interface Output extends Disposable {
  emit(event: UntimedEvent): void
}

/** `json`: one event a line; `lines`: plain text; `terminal`: live, in colour. */
export type OutputMode = 'json' | 'lines' | 'terminal'

/** What suits a stream: a terminal gets live steps, a pipe plain lines. */
export function outputMode(stream: { isTTY?: boolean }, json: boolean): OutputMode {
  if (json) return 'json'
  return stream.isTTY && process.env.TERM !== 'dumb' && !process.env.CI ? 'terminal' : 'lines'
}

/** Renders events to a stream in one of the modes. */
export function createOutput(stream: NodeJS.WritableStream, mode: OutputMode): Output {
  const terminal = mode === 'terminal' ? new Terminal(stream as WriteStream) : undefined
  return {
    emit(untimed) {
      const { event, ...rest } = untimed
      const timed = { event, at: Math.round(performance.now()), ...rest } as DevnetEvent
      if (terminal) terminal.show(timed)
      else if (mode === 'json') stream.write(`${JSON.stringify(timed)}\n`)
      else for (const line of renderLines(timed)) stream.write(`${line}\n`)
    },
    [Symbol.dispose]: () => terminal?.[Symbol.dispose](),
  }
}
