import { type Claims, type Digest, encodeCbor, toHex } from '@teapot-network/trust'
import { CLAIM, encodeClaims } from '@teapot-network/trust/encode'

/** The claims that all results of one actor share until the evidence or the recent block changes. */
export type SharedClaims = Pick<
  Claims,
  'node' | 'actor' | 'capabilities' | 'run' | 'evidence' | 'block' | 'assurance' | 'isolation'
>
/** The claims of one result alone. */
export type ResultClaims = Pick<
  Claims,
  'operation' | 'request' | 'response' | 'outcome' | 'fuel' | 'trace' | 'children'
>

const ZERO = toHex(new Uint8Array(32))
const FIXED_CLAIMS = 14
const KEY_BYTES = 5
/** Map head, key and text of `iss`, key of `iat`, head of a 32-bit number. */
const IAT_AT = 1 + 1 + 2 + 66 + 1 + 1
/** `operation` and `outcome` empty, two digests: what {@link ClaimsTemplate} writes anew. */
const TAIL_BYTES = 4 * KEY_BYTES + 2 + 2 * 34
const [OPERATION, REQUEST, RESPONSE, OUTCOME, FUEL, TRACE, CHILDREN] = [
  CLAIM.operation,
  CLAIM.request,
  CLAIM.response,
  CLAIM.outcome,
  CLAIM.fuel,
  CLAIM.trace,
  CLAIM.children,
].map((key) => Buffer.from(encodeCbor(key))) as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer]

/** Writes claims at the cost of copying them: the shared ones are encoded once (spec/proof.md §2.2 orders the keys for this). */
export class ClaimsTemplate {
  readonly #prefix: Buffer

  constructor(shared: SharedClaims) {
    const blank = { issuedAt: 0xffffffff, operation: '', request: ZERO, response: ZERO, outcome: '' }
    const { node, actor, capabilities, run, evidence, block, assurance, isolation } = shared
    const whole = encodeClaims({ node, actor, capabilities, run, evidence, block, assurance, isolation, ...blank })
    this.#prefix = Buffer.from(whole.subarray(0, whole.length - TAIL_BYTES))
  }

  /** An upper bound of what {@link write} takes. */
  sizeOf(result: ResultClaims): number {
    const children = 34 * (result.children?.length ?? 0)
    return this.#prefix.length + TAIL_BYTES + 3 * (result.operation.length + result.outcome.length) + 72 + children
  }

  /**
   * Writes the claims of one result at `at`, equal to `encodeClaims` byte by byte.
   * @param issuedAt seconds since 1970, above 65535
   * @returns where they end
   */
  write(out: Buffer, at: number, result: ResultClaims, issuedAt: number): number {
    const start = at
    at += this.#prefix.copy(out, at)
    out.writeUInt32BE(issuedAt, start + IAT_AT)
    at += OPERATION.copy(out, at)
    at = writeText(out, at, result.operation)
    at += REQUEST.copy(out, at)
    at = writeDigest(out, at, result.request)
    at += RESPONSE.copy(out, at)
    at = writeDigest(out, at, result.response)
    at += OUTCOME.copy(out, at)
    at = writeText(out, at, result.outcome)
    let count = FIXED_CLAIMS
    if (result.fuel !== undefined) {
      count++
      at += FUEL.copy(out, at)
      at = writeHead(out, at, 0, result.fuel)
    }
    if (result.trace !== undefined) {
      count++
      at += TRACE.copy(out, at)
      at = writeDigest(out, at, result.trace)
    }
    if (result.children !== undefined) {
      count++
      at += CHILDREN.copy(out, at)
      at = writeHead(out, at, 4, result.children.length)
      for (const child of result.children) at = writeDigest(out, at, child)
    }
    out[start] = 0xa0 | count
    return at
  }
}

/** Writes the head of a CBOR item in its shortest form (RFC 8949 §3). @returns where it ends */
export function writeHead(out: Buffer, at: number, major: number, value: number): number {
  const type = major << 5
  if (value < 24) return out.writeUInt8(type | value, at)
  if (value < 0x100) return out.writeUInt8(value, out.writeUInt8(type | 24, at))
  if (value < 0x10000) return out.writeUInt16BE(value, out.writeUInt8(type | 25, at))
  if (value < 0x100000000) return out.writeUInt32BE(value, out.writeUInt8(type | 26, at))
  return out.writeBigUInt64BE(BigInt(value), out.writeUInt8(type | 27, at))
}

function writeText(out: Buffer, at: number, text: string): number {
  at = writeHead(out, at, 3, Buffer.byteLength(text))
  return at + out.write(text, at)
}

function writeDigest(out: Buffer, at: number, digest: Digest): number {
  out[at] = 0x58
  out[at + 1] = 32
  out.write(digest.slice(2), at + 2, 32, 'hex')
  return at + 34
}
