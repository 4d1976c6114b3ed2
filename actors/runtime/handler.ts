// What every actor written in TypeScript is built around: its exported functions are the operations of the world's handler.
import './globals.ts'
import { log } from 'teapot:actor/host@0.1.0'
import * as source from 'teapot:source'

const operations: Record<string, unknown> = source

export const handler = {
  handle(operation: string, payload: Uint8Array): Uint8Array {
    const run = Object.hasOwn(operations, operation) ? operations[operation] : undefined
    if (typeof run !== 'function') throw `Expected one of ${Object.keys(operations).join(', ')}, found ${operation}`
    try {
      const answer: unknown = run(payload)
      if (answer instanceof Uint8Array) return answer
      if (typeof answer === 'string') return new TextEncoder().encode(answer)
      throw new TypeError(`Expected ${operation} to answer with bytes or text, found ${typeof answer}`)
    } catch (error) {
      if (!(error instanceof Error)) throw String(error)
      log(`${error.name}: ${error.message}\n${error.stack}`.trimEnd())
      throw error.message
    }
  },
}
