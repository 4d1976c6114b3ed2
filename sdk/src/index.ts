export { type Attested, attestNode, type PolicyDocument } from './attest.ts'
export type { CallResult } from './call.ts'
export { type CallOptions, type Client, type ClientOptions, createClient } from './client.ts'
export { type BlockReader, createBlockReader } from './epoch-leaves.ts'
export type { FactsSource } from './facts.ts'
export { type Fetch, getBytes, type HttpOptions } from './http.ts'
export type { Distance } from './nearest.ts'
export { activeNodes, httpContact, type Node, registeredNode } from './nodes.ts'
export { type Announcement, type Publication, type Published, type PublishParts, publish } from './publish.ts'
export { rawCid } from './raw-cid.ts'
export { EvidenceRefused, NoNodeServed, ProofRefused, type Skipped } from './refusals.ts'
export { type SealedCall, type SealTarget, sealCall } from './sealing.ts'
export { httpLog, type LogSource, readTiles, type Tree, tilePath } from './tiles.ts'
export type { Upgraded, UpgradeOptions } from './upgrade.ts'
export {
  createWitness,
  Equivocation,
  type FetchConsistency,
  nodeConsistency,
  type Witness,
  type Witnessed,
  type WitnessStore,
} from './witness.ts'
