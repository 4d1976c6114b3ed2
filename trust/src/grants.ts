import { utf8 } from './bytes.ts'
import { encodeCbor } from './cbor.ts'
import { shapeOf } from './cbor-shape.ts'

const shape = shapeOf('grants/malformed', 'grants')

/**
 * The canonical bytes of a set of capability strings: a deterministic CBOR array, sorted bytewise (spec/evidence.md §3).
 * An entry that takes no grants at all has empty bytes instead.
 * @throws TeapotError `grants/malformed` when a capability is empty or stands twice
 */
export function encodeGrants(capabilities: readonly string[]): Uint8Array {
  const sorted = [...capabilities].sort(bytewise)
  requireStrictOrder(sorted)
  return encodeCbor(sorted)
}

/**
 * Reads canonical grants; empty bytes are no grants.
 * @throws TeapotError `grants/malformed` for anything but the canonical bytes
 */
export function parseGrants(bytes: Uint8Array): string[] {
  if (bytes.length === 0) return []
  const capabilities = shape.array(shape.decode(bytes), 'grants').map((item, i) => shape.text(item, `grants[${i}]`))
  requireStrictOrder(capabilities)
  return capabilities
}

function requireStrictOrder(capabilities: string[]): void {
  capabilities.forEach((item, i) => {
    if (item === '') shape.refuse(`grants[${i}]`, 'a capability', 'an empty text')
    if (i > 0 && bytewise(capabilities[i - 1]!, item) >= 0) {
      shape.refuse(`grants[${i}]`, 'ascending order without repeats', `'${item}' after '${capabilities[i - 1]}'`)
    }
  })
}

function bytewise(a: string, b: string): number {
  const [x, y] = [utf8(a), utf8(b)]
  for (let i = 0; i < x.length && i < y.length; i++) if (x[i] !== y[i]) return x[i]! - y[i]!
  return x.length - y.length
}
