import { hash } from 'node:crypto'
import type { Digest } from '@teapot-network/trust'
import { requestDigest, responseDigest } from '@teapot-network/trust/call'
import type { Answer, Call } from './parts.ts'

/** Messages up to this size are laid out in one buffer of ours instead of fresh ones. */
const scratch = Buffer.allocUnsafeSlow(16 * 1024)
const requestDomain = 'teapot/request/1'
const responseDomain = 'teapot/response/1'

/** `requestDigest` of trust at a fraction of its cost, for the hot path. */
export function fastRequestDigest(call: Call): Digest {
  const { actor, operation, payload } = call
  if (3 * (actor.length + operation.length) + payload.length + 64 > scratch.length) return requestDigest(call)
  let at = scratch.write(requestDomain, 0, 'latin1')
  at = writeShort(actor, at)
  at = writeShort(operation, at)
  return finish(payload, at)
}

/** `responseDigest` of trust at a fraction of its cost, for the hot path. */
export function fastResponseDigest(answer: Pick<Answer, 'outcome' | 'payload'>): Digest {
  const { outcome, payload } = answer
  if (3 * outcome.length + payload.length + 64 > scratch.length) return responseDigest(answer)
  const at = scratch.write(responseDomain, 0, 'latin1')
  return finish(payload, writeShort(outcome, at))
}

function writeShort(text: string, at: number): number {
  const length = scratch.write(text, at + 2)
  scratch.writeUInt16BE(length, at)
  return at + 2 + length
}

function finish(payload: Uint8Array, at: number): Digest {
  scratch.set(payload, at)
  return `0x${hash('sha256', scratch.subarray(0, at + payload.length), 'hex')}` as Digest
}
