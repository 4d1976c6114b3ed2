import { concatBytes, type Digest, fromHex, toHex, utf8 } from './bytes.ts'
import { type CborValue, decodeCbor, encodeCbor } from './cbor.ts'
import { shapeOf } from './cbor-shape.ts'
import { digestOf } from './digest.ts'

const shape = shapeOf('call/malformed', 'call')
const REQUEST = utf8('teapot/request/1')
const RESPONSE = utf8('teapot/response/1')
const INFO = utf8('teapot/call/1')
const MAX_NAME_BYTES = 0xffff

/** The label under which both sides export the key that seals the response (spec/call.md §2.4). */
export const RESPONSE_EXPORT_LABEL = 'teapot/response/1'
/** `inline`: answer with the receipt; `later`: answer at once, fetch the receipt by id. */
export const CALL_MODES = ['inline', 'later'] as const
/** One of {@link CALL_MODES}. */
export type CallMode = (typeof CALL_MODES)[number]

/** What a caller asks of an actor. */
export interface CallRequest {
  actor: string
  operation: string
  payload: Uint8Array
  mode: CallMode
  /** Whether the node is to record a trace and hand it out with the answer (spec/host.md §9). */
  trace?: boolean
}

/** What comes back. `outcome` is `ok` or an error code; `receipt` is null until it can be fetched under `id`. */
export interface CallResponse {
  outcome: string
  payload: Uint8Array
  claims: Uint8Array
  salt: Uint8Array
  receipt: Uint8Array | null
  id: string
  /** What the actor saw of the world, where the caller asked for it; the claims hold its digest. */
  trace: Uint8Array | null
  /** Results of the calls that the actor made to other actors, in the order in which they ended; the claims hold their leaf inputs. */
  children: ChildResult[]
}

/** The result of a call that an actor made, for whoever called that actor. */
export interface ChildResult {
  /** The receipt's id. */
  id: string
  claims: Uint8Array
  salt: Uint8Array
  /** Null until it can be fetched under `id`. */
  receipt: Uint8Array | null
  children: ChildResult[]
}

/** A sealed request as it travels: HPKE encapsulated key and ciphertext, for this run as of this evidence. */
export interface SealedRequest {
  run: Digest
  evidence: Digest
  enc: Uint8Array
  ct: Uint8Array
}

/** A sealed response as it travels: AES-128-GCM nonce and ciphertext. */
export interface SealedResponse {
  nonce: Uint8Array
  ct: Uint8Array
}

/** SHA-256 over domain, actor, operation and payload (spec/proof.md §1.1). @throws TeapotError `call/malformed` past 65535 bytes of name. */
export function requestDigest(request: Pick<CallRequest, 'actor' | 'operation' | 'payload'>): Digest {
  return digestOf(concatBytes(REQUEST, short(request.actor), short(request.operation), request.payload))
}

/** SHA-256 over domain, outcome and payload (spec/proof.md §1.2). @throws TeapotError `call/malformed` past 65535 bytes of outcome. */
export function responseDigest(response: Pick<CallResponse, 'outcome' | 'payload'>): Digest {
  return digestOf(concatBytes(RESPONSE, short(response.outcome), response.payload))
}

/** The `info` of the HPKE context: ties a sealed request to one run and its evidence. */
export function callInfo(run: Digest, evidence: Digest): Uint8Array {
  return concatBytes(INFO, fromHex(run), fromHex(evidence))
}

/** The plaintext of a sealed request. */
export function encodeCallRequest(request: CallRequest): Uint8Array {
  return encodeCbor([request.actor, request.operation, request.payload, request.mode, request.trace ?? false])
}

/** @throws TeapotError `cbor/malformed`, `call/malformed`. */
export function parseCallRequest(bytes: Uint8Array): CallRequest {
  const [actor, operation, payload, mode, trace] = shape.array(decodeCbor(bytes), 'request', 5)
  return {
    actor: shape.text(actor, 'actor'),
    operation: shape.text(operation, 'operation'),
    payload: shape.bytes(payload, 'payload'),
    mode: shape.oneOf(mode, 'mode', CALL_MODES),
    ...(shape.boolean(trace, 'trace') && { trace: true }),
  }
}

/** The plaintext of a sealed response. */
export function encodeCallResponse(response: CallResponse): Uint8Array {
  const { outcome, payload, claims, salt, receipt, id, trace } = response
  const children = response.children.map(childArray)
  return encodeCbor({ outcome, payload, claims, salt, receipt, id, trace, children })
}

/** @throws TeapotError `cbor/malformed`, `call/malformed`. */
export function parseCallResponse(bytes: Uint8Array): CallResponse {
  const keys = ['outcome', 'payload', 'claims', 'salt', 'receipt', 'id', 'trace', 'children']
  const map = shape.map(decodeCbor(bytes), 'response', keys)
  return {
    outcome: shape.text(map.get('outcome'), 'outcome'),
    payload: shape.bytes(map.get('payload'), 'payload'),
    claims: shape.bytes(map.get('claims'), 'claims'),
    salt: shape.bytes(map.get('salt'), 'salt', 16),
    receipt: bytesOrNull(map.get('receipt'), 'receipt'),
    id: shape.text(map.get('id'), 'id'),
    trace: bytesOrNull(map.get('trace'), 'trace'),
    children: shape.array(map.get('children'), 'children').map(parseChild),
  }
}

/** The body of a sealed request. */
export function encodeSealedRequest(sealed: SealedRequest): Uint8Array {
  const { run, evidence, enc, ct } = sealed
  return encodeCbor({ v: 1, run: fromHex(run), evidence: fromHex(evidence), enc, ct })
}

/** @throws TeapotError `cbor/malformed`, `call/malformed`. */
export function parseSealedRequest(bytes: Uint8Array): SealedRequest {
  const map = versioned(bytes, 'sealed request', ['v', 'run', 'evidence', 'enc', 'ct'])
  return {
    run: toHex(shape.bytes(map.get('run'), 'run', 32)),
    evidence: toHex(shape.bytes(map.get('evidence'), 'evidence', 32)),
    enc: shape.bytes(map.get('enc'), 'enc', 32),
    ct: shape.bytes(map.get('ct'), 'ct'),
  }
}

/** The body of a sealed response. */
export function encodeSealedResponse({ nonce, ct }: SealedResponse): Uint8Array {
  return encodeCbor({ v: 1, nonce, ct })
}

/** @throws TeapotError `cbor/malformed`, `call/malformed`. */
export function parseSealedResponse(bytes: Uint8Array): SealedResponse {
  const map = versioned(bytes, 'sealed response', ['v', 'nonce', 'ct'])
  return { nonce: shape.bytes(map.get('nonce'), 'nonce', 12), ct: shape.bytes(map.get('ct'), 'ct') }
}

function versioned(bytes: Uint8Array, name: string, keys: string[]): Map<number | string, CborValue> {
  const map = shape.map(decodeCbor(bytes), name, keys)
  if (map.get('v') !== 1) shape.refuse('v', 'version 1', String(map.get('v')))
  return map
}

function childArray({ id, claims, salt, receipt, children }: ChildResult): CborValue {
  return [id, claims, salt, receipt, children.map(childArray)]
}

function parseChild(value: CborValue): ChildResult {
  const [id, claims, salt, receipt, children] = shape.array(value, 'children', 5)
  return {
    id: shape.text(id, 'children'),
    claims: shape.bytes(claims, 'children'),
    salt: shape.bytes(salt, 'children', 16),
    receipt: bytesOrNull(receipt, 'children'),
    children: shape.array(children, 'children').map(parseChild),
  }
}

function bytesOrNull(value: CborValue | undefined, name: string): Uint8Array | null {
  return value === null ? null : shape.bytes(value, name)
}

/** A text behind its length in bytes as u16. */
function short(text: string): Uint8Array {
  const bytes = utf8(text)
  if (bytes.length > MAX_NAME_BYTES) shape.refuse('name', `at most ${MAX_NAME_BYTES} bytes`, `${bytes.length}`)
  return concatBytes(Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes)
}
