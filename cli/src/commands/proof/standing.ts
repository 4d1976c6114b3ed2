import type { ProofVerdict } from '@teapot-network/trust'

/** The two facts of a proof's standing in one line, and those of its children (spec/proof.md §8). */
export function renderStanding({ standing: { confirmed, anchored }, children }: ProofVerdict): string {
  const anchor = anchored
    ? `anchored in epoch ${anchored.epoch}: no newer than block ${anchored.block}, ${utc(anchored.timestamp)}`
    : 'not anchored'
  const below =
    children.length === 0 ? '' : `; with ${children.map((child) => `(${renderStanding(child)})`).join(', ')}`
  return `${confirmed ? 'confirmed' : 'provisional'}, ${anchor}${below}`
}

function utc(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`
}
