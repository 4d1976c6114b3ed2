import type { IncomingMessage } from 'node:http'
import { TeapotError } from '@teapot-network/trust'

/**
 * Reads a request's body and hands it on once. A body of one chunk, the usual case, is handed on without a copy.
 * Gives `serve/body-too-large` as soon as the announced or the received length exceeds `limitBytes`; nothing when the client goes away.
 */
export function readBody(
  request: IncomingMessage,
  limitBytes: number,
  done: (failure: TeapotError | undefined, body: Uint8Array) => void,
): void {
  const announced = request.headers['content-length']
  if (announced !== undefined && Number(announced) > limitBytes) {
    done(tooLarge(limitBytes, announced), empty)
    return
  }
  let first: Buffer | undefined
  let rest: Buffer[] | undefined
  let sizeBytes = 0
  let over = false
  request.on('data', (chunk: Buffer) => {
    if (over) return
    sizeBytes += chunk.length
    if (sizeBytes > limitBytes) {
      over = true
      done(tooLarge(limitBytes, `${sizeBytes} or more`), empty)
    } else if (first === undefined) first = chunk
    else if (rest === undefined) rest = [first, chunk]
    else rest.push(chunk)
  })
  request.on('end', () => {
    if (!over) done(undefined, rest !== undefined ? Buffer.concat(rest, sizeBytes) : (first ?? empty))
  })
}

const empty = new Uint8Array(0)

function tooLarge(limitBytes: number, found: string): TeapotError {
  return new TeapotError(
    'serve/body-too-large',
    `Cannot take the request: expected a body of at most ${limitBytes} bytes, found ${found}; send less`,
  )
}
