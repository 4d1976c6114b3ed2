import { decodeCbor, encodeCbor, shapeOf } from '@teapot-network/trust'
import { encodeManifest, parseManifest } from '@teapot-network/trust/app'
import type { Inputs, Recomputed } from './rerun.ts'

const shape = shapeOf('cli/dispute-malformed', 'dispute')
const KEYS = ['v', 'bundle', 'request', 'trace', 'app', 'recomputed']

/** A proof whose call came to something else, with all that it takes to see that again but the code, which the claims name (spec/host.md §9.7). */
export interface Dispute extends Omit<Inputs, 'code'> {
  /** The bytes of the `.proof` file. */
  bundle: Uint8Array
}

/** The bytes of a `.dispute` file. */
export function encodeDispute({ bundle, payload, trace, app }: Dispute, recomputed: Recomputed): Uint8Array {
  const { outcome, payload: response, fuel, trace: again } = recomputed
  return encodeCbor({
    ...{ v: 1, bundle, request: payload, trace: trace ?? null, app: app === undefined ? null : encodeManifest(app) },
    recomputed: [outcome, response, fuel ?? null, again ?? null],
  })
}

/**
 * Reads a dispute; undefined for a file of another kind. What was recomputed is for whoever reads it: a replay finds it anew.
 * @throws TeapotError `cli/dispute-malformed`, `manifest/malformed`
 */
export function parseDispute(bytes: Uint8Array): Dispute | undefined {
  const value = decodeCbor(bytes)
  if (!(value instanceof Map) || !value.has('recomputed')) return undefined
  const map = shape.map(value, 'dispute', KEYS)
  if (map.get('v') !== 1) shape.refuse('v', 'version 1', String(map.get('v')))
  const orNone = (key: string) => (map.get(key) === null ? undefined : shape.bytes(map.get(key), key))
  const app = orNone('app')
  return {
    bundle: shape.bytes(map.get('bundle'), 'bundle'),
    payload: shape.bytes(map.get('request'), 'request'),
    trace: orNone('trace'),
    app: app && parseManifest(app),
  }
}
