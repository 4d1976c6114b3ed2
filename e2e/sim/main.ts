// `npm run sim -- rounds [--seed n] [--nodes n] [--epochs n] [--liars n] [--committee n] [--json] [--verbose]`
import { parseArgs } from 'node:util'
import { simulate } from './simulation.ts'

const number = (initial: number) => ({ type: 'string', default: String(initial) }) as const
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: number(Math.floor(Math.random() * 2 ** 31)),
    nodes: number(7),
    epochs: number(20),
    liars: number(2),
    committee: number(6),
    json: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
})
if (positionals.join() !== 'rounds') {
  console.error('Expected `npm run sim -- rounds`, found no simulation of that name.')
  process.exit(2)
}
const [seed, nodes, epochs, liars, committee] = [
  values.seed,
  values.nodes,
  values.epochs,
  values.liars,
  values.committee,
].map(Number) as [number, number, number, number, number]
console.error(`seed ${seed}`)
const log = (line: string) => values.verbose && console.error(line)
const outcome = await simulate({ seed, nodes, epochs, liars, committee, log })
if (values.json) console.log(JSON.stringify(outcome, undefined, 2))
else {
  for (const { node, cheat, since, out, status } of outcome.fates) {
    console.log(
      `${node.padEnd(12)} ${cheat.padEnd(46)} ${since ? `since epoch ${since}` : 'never seen'}${out ? `, over in ${out}` : ''}, ${status}`,
    )
  }
  for (const problem of outcome.problems) console.log(`✘ ${problem}`)
  console.log(
    `seed ${seed}: ${outcome.epochs} epochs in ${outcome.simulatedSeconds} simulated seconds, ${outcome.problems.length} problems`,
  )
}
process.exit(outcome.problems.length === 0 ? 0 : 1)
