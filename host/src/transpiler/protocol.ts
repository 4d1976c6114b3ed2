import type { PrepareSettings } from '../wasm/prepare-module.ts'

/** Frames between the daemon and a transpiler, over fd 3, ids 0 (spec/host.md §3.7). */
export const TranspilerFrame = {
  /** To it, once: {@link encodeRequest}. */ component: 1,
  /** To it, before that: there is time to get ready. Empty. */ warmUp: 4,
  /** From it: the bundle. Then it is done. */ bundle: 2,
  /** From it: why there is none; body = `bad-module` or `forbidden-import` ‖ `: ` ‖ text. */ refusal: 3,
} as const

const HEADER_BYTES = 8

/** Writes u32 pages ‖ u32 table elements ‖ component. */
export function encodeRequest(component: Uint8Array, { maxPages, maxTableElements }: PrepareSettings): Uint8Array {
  const body = Buffer.allocUnsafe(HEADER_BYTES + component.length)
  body.writeUInt32LE(maxPages, 0)
  body.writeUInt32LE(maxTableElements, 4)
  body.set(component, HEADER_BYTES)
  return body
}

/** Reads what {@link encodeRequest} wrote: the transpiler trusts its parent. */
export function parseRequest(body: Buffer): { component: Buffer; settings: PrepareSettings } {
  const settings = { maxPages: body.readUInt32LE(0), maxTableElements: body.readUInt32LE(4) }
  return { component: body.subarray(HEADER_BYTES), settings }
}
