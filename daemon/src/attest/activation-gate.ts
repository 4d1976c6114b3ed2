import { entitled } from '@teapot-network/ledger'
import {
  type Address,
  concatBytes,
  encodeCbor,
  fromHex,
  type Hex,
  type LedgerFacts,
  type NodeId,
  sha256,
  shapeOf,
  TeapotError,
  utf8,
  verifyEs256,
} from '@teapot-network/trust'
import { atMost, busy, type LatticeMethod } from '../lattice/lattice.ts'
import type { SealedCredential } from '../tpm/index.ts'

/** The Verifier that asks for an activation: by its vote key, over connections of its present run. */
export interface Asker {
  chainId: number
  attestation: Address
  self: NodeId
  /** Ed25519 key of this run's connections. */
  peerKey: Hex
  voteKey: CryptoKey
}

/** What one activation is asked for with (spec/lattice.md §8). */
interface ActivationHead extends Omit<Asker, 'self' | 'voteKey'> {
  asker: NodeId
  /** Whose TPM is asked. */
  asked: NodeId
}

type ActivationRequest = SealedCredential & { asker: NodeId; signature: Uint8Array }

/** The TPM that quotes for this epoch is not to be queued up for. */
const AT_ONCE = 8
const shape = shapeOf('attest/bad-request', 'request')

/** What the vote key signs, ES256. */
function encodeHead(head: ActivationHead, { credentialBlob, encryptedSecret }: SealedCredential): Uint8Array {
  const number = fromHex(`0x${head.chainId.toString(16).padStart(64, '0')}`)
  const names = [head.attestation, head.asked, head.asker, head.peerKey].map(fromHex)
  return concatBytes(utf8('teapot/activate/1'), number, ...names, sha256(credentialBlob), sha256(encryptedSecret))
}

/** The body of `activate`, signed: CBOR `[credential blob, encrypted secret, asker, signature]`. */
export async function encodeActivation(asker: Asker, asked: NodeId, sealed: SealedCredential): Promise<Uint8Array> {
  const head = encodeHead({ ...asker, asker: asker.self, asked }, sealed)
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' }
  const signature = await crypto.subtle.sign(algorithm, asker.voteKey, new Uint8Array(head))
  const { credentialBlob, encryptedSecret } = sealed
  return encodeCbor([credentialBlob, encryptedSecret, fromHex(asker.self), new Uint8Array(signature)])
}

/** Reads the body of `activate`; says nothing of its signature. @throws TeapotError `attest/bad-request` */
export function parseActivation(body: Uint8Array): ActivationRequest {
  const [blob, secret, asker, signature] = shape.array(shape.decode(body), 'request', 4)
  return {
    credentialBlob: shape.bytes(blob, 'credential blob'),
    encryptedSecret: shape.bytes(secret, 'encrypted secret'),
    asker: shape.hex(asker, 'asker', 32),
    signature: shape.bytes(signature, 'signature', 64),
  }
}

/** What the gate stands before. */
export interface ActivationGateParts extends Pick<Asker, 'chainId' | 'attestation' | 'self'> {
  /** The ledger as it was read last. */
  facts(): LedgerFacts | undefined
  activate(sealed: SealedCredential, signal: AbortSignal): Promise<Uint8Array>
}

/**
 * Answers `activate` to those whom the ledger entitles to vote, one at a time each: whoever else asks is refused before it takes a place that
 * a Verifier needs. Its method throws TeapotError `attest/bad-request`, `attest/not-a-verifier`, `lattice/busy`.
 */
export function createActivationGate(parts: ActivationGateParts): LatticeMethod {
  const { chainId, attestation, self: asked } = parts
  const asking = new Set<NodeId>()
  const activate = atMost(AT_ONCE, (body, _, signal) => parts.activate(parseActivation(body), signal))

  async function requireVerifier(request: ActivationRequest, peerKey: Hex): Promise<void> {
    const { asker, signature } = request
    const facts = parts.facts()
    const verifier = facts && entitled(facts).find(({ id }) => id === asker)
    const head = encodeHead({ chainId, attestation, asked, asker, peerKey }, request)
    if (verifier && (await verifyEs256(fromHex(verifier.voteKey), head, signature))) return
    throw new TeapotError(
      'attest/not-a-verifier',
      `Cannot activate: expected a request signed by a Verifier's vote key, found ${verifier ? 'another signature' : `${asker}, which the ledger does not entitle here`}; ask again once it does`,
    )
  }

  return async (body, peerKey, signal) => {
    const request = parseActivation(body)
    await requireVerifier(request, peerKey)
    if (asking.has(request.asker)) throw busy()
    asking.add(request.asker)
    try {
      return await activate(body, peerKey, signal)
    } finally {
      asking.delete(request.asker)
    }
  }
}
