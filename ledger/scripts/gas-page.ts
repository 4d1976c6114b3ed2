/** Gas by what was measured, as in `contracts/gas-snapshot.json`. */
export type GasSnapshot = Record<string, number>

const SIZES = [100, 1_000, 10_000, 100_000]
const EPOCHS_A_DAY = 24
const COMMITTEE = 5
const CONTRIBUTORS = 3

/** What a network of so many nodes costs. Where its size is no power of four, permutations are walked further than measured. */
export function gasOf(gas: GasSnapshot, nodes: number) {
  const read = (name: string): number => gas[name] ?? Number.NaN
  const walks = 4 ** Math.max(1, Math.ceil(Math.log2(nodes) / 2)) / nodes
  const furtherWalk = (walks - 1) * read('Shuffle.positionOf, one walk')
  const seed = CONTRIBUTORS * (read('Attestation.commit') + read('Attestation.reveal') + 2 * furtherWalk)
  const day = EPOCHS_A_DAY * (read('Attestation.closeEpoch, no change') + seed)
  const change = read('Attestation.report, one mismatch by 4 of 5 drawn') + (1 + COMMITTEE) * furtherWalk
  return { day, nodeDay: day / nodes, change }
}

/** The page docs/gas.md. */
export function gasPage(gas: GasSnapshot): string {
  const rows = SIZES.map((nodes) => {
    const { day, nodeDay, change } = gasOf(gas, nodes)
    return `| ${[nodes, day, nodeDay, change, nodeDay + change / 100].map(format).join(' | ')} |`
  })
  const measured = Object.entries(gas).map(([name, cost]) => `| ${name} | ${format(cost)} |`)
  return `# Gas

Computed by \`npm run generate\` from what was measured on a chain (\`npm run gas -w @teapot-network/ledger\`). What a unit costs is the chain's matter.

## A network of so many nodes

With ${EPOCHS_A_DAY} epochs a day, ${CONTRIBUTORS} commitments and as many secrets for each seed, and committees of ${COMMITTEE}. A node whose status stays costs
the chain nothing of its own: what votes say of it stands in the leaves under the epoch's root.

| nodes | gas a day | a node and day | a change of status | a node and day, if one in a hundred changes daily |
|--:|--:|--:|--:|--:|
${rows.join('\n')}

A dispute costs ${format(gas['Disputes.disputeR']!)} over R; over C ${format(gas['Disputes.dispute, 1 entry']!)} and ${format((gas['Disputes.dispute, 33 entries']! - gas['Disputes.dispute, 1 entry']!) / 32)} more with each further entry of the log.

A proof costs ${format(gas['ProofVerifier.verify']!)} where its log has a million leaves and its epoch a thousand; the first of a run and actor ${format(gas['ProofVerifier.registerRun']!)} more. \`PayOnProof.claim\` is such a
proof with the payment.

## Measured

| transaction | gas |
|---|--:|
${measured.join('\n')}
`
}

function format(value: number): string {
  const digits = value < 1_000 && !Number.isInteger(value) ? 1 : 0
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
