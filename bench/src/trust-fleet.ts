import { readFileSync } from 'node:fs'
import {
  type AppraisalExpectation,
  akPublic,
  concatBytes,
  digestOf,
  EntryKind,
  type Evidence,
  encodeEntry,
  entryDigest,
  epochNonce,
  fromHex,
  type LedgerFacts,
  nodeIdOf,
  PCR_C,
  PCR_R,
  parseEventLog,
  parsePolicy,
  qualifyingData,
  replayEventLog,
  sha256,
  toHex,
  utf8,
} from '@teapot-network/trust'
import { encodeLogRecord } from '@teapot-network/trust/encode'

const ES256 = { name: 'ECDSA', hash: 'SHA-256' } as const
const P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const
/** Certificates of a software TPM, and the policy that takes them. */
const vectors = JSON.parse(readFileSync(new URL('../../trust/vectors/swtpm.json', import.meta.url), 'utf8'))
const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'))

/** What one node shows: after most of its log, and when some entries have come. Distinct from all others. */
export interface FleetNode {
  expected: AppraisalExpectation
  earlier: Evidence
  whole: Evidence
}

/** A fleet of nodes with keys, logs and quotes of their own, as a ledger of twice as many actors knows them. */
export async function createFleet(size: number, entries: number, newer: number) {
  const policy = parsePolicy(bytesOf(vectors.policy))
  const actors = Array.from({ length: entries * 2 }, (_, i) => ({
    ...{ kind: EntryKind.actor, name: `actor-${i}`, sha256: digestOf(utf8(`bytes ${i}`)), grants: new Uint8Array(0) },
  }))
  const launched = [EntryKind.launcher, EntryKind.runtime].map((kind) =>
    encodeEntry({ kind, name: `${kind}`, sha256: digestOf(utf8('image')), grants: new Uint8Array(0) }),
  )
  const facts: LedgerFacts = {
    ...vectors.facts,
    nodes: [],
    entries: actors.map((actor, i) => ({
      ...{ ...actor, digest: entryDigest(actor), version: 1, cid: '', grants: '0x', status: 'current' },
      ...{ sinceBlock: i, publisher: vectors.facts.registry },
    })),
  }
  const nodes: FleetNode[] = []
  for (let n = 0; n < size; n++) {
    const pair = await crypto.subtle.generateKey(P256, true, ['sign'])
    const point = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey))
    const ak = akPublic(point.subarray(1, 33), point.subarray(33))
    const id = nodeIdOf(ak)
    const [akX, akY] = [toHex(point.subarray(1, 33)), toHex(point.subarray(33))]
    facts.nodes.push({ ...vectors.facts.nodes[0], id, akX, akY })
    const contents = [
      ...launched,
      ...Array.from({ length: entries - 2 }, (_, i) => encodeEntry(actors[(n + i) % actors.length]!)),
    ]
    const records = contents.map((content, i) => encodeLogRecord(i, i < 2 ? PCR_R : PCR_C, content))
    const show = async (count: number) => {
      const log = concatBytes(...records.slice(0, count))
      const { r, c } = replayEventLog(parseEventLog(log))
      facts.referenceValues = [{ ...facts.referenceValues[0]!, r }]
      const unquoted: Evidence = {
        ...{ v: 1, type: 'tpm-simulated', node: id, operator: facts.nodes[n]!.operator, epoch: facts.epoch.number },
        ...{ nonce: epochNonce(facts.epoch.seed, facts.epoch.number, id), ak, log, pcrs: { [PCR_R]: r, [PCR_C]: c } },
        chain: { id: facts.chainId, registry: facts.registry, block: facts.block },
        keys: { receipt: toHex(point), seal: digestOf(point), peer: id },
        checkpoint: { log: 1, sequence: 0, size: 0, root: digestOf(utf8('')) },
        quote: { attest: new Uint8Array(), signature: new Uint8Array() },
        ek: [bytesOf(vectors.certificates.ekP384), bytesOf(vectors.certificates.issuer)],
      }
      return { ...unquoted, quote: await quote(unquoted, pair.privateKey) }
    }
    const earlier = await show(entries - newer)
    const expected = { node: id, nonce: epochNonce(facts.epoch.seed, facts.epoch.number, id), peerKey: id }
    nodes.push({ expected, earlier, whole: await show(entries) })
  }
  return { nodes, facts, policy }
}

/** A TPMS_ATTEST over R and C and its TPMT_SIGNATURE, as a TPM makes them (TPM 2.0 Part 2 §10.12, §11.3). */
async function quote(evidence: Evidence, key: CryptoKey): Promise<Evidence['quote']> {
  const over = sha256(concatBytes(fromHex(evidence.pcrs[PCR_R]!), fromHex(evidence.pcrs[PCR_C]!)))
  const attest = concatBytes(
    ...[fromHex('0xff54434780180000'), fromHex('0x0020'), fromHex(qualifyingData(evidence))],
    ...[new Uint8Array(8), fromHex('0x0000000500000000'), Uint8Array.of(1), new Uint8Array(8)],
    ...[fromHex('0x00000001000b03003000'), fromHex('0x0020'), over],
  )
  const rs = new Uint8Array(await crypto.subtle.sign(ES256, key, new Uint8Array(attest)))
  const size = fromHex('0x0020')
  const signature = concatBytes(fromHex('0x0018000b'), size, rs.subarray(0, 32), size, rs.subarray(32))
  return { attest, signature }
}
