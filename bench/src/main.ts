import { parseArgs } from 'node:util'
import { measureHost } from './host.ts'
import { measureHotPath } from './hot-path.ts'
import { measureIdle } from './idle.ts'
import { measureProof } from './proof.ts'
import { measureTrust } from './trust.ts'

const USAGE = `npm run bench -- hot-path [--json] [--rounds 7] [--measure-ms 2000] [--connections 128]
npm run bench -- host [--json]          calls, cold starts, memory, swaps, saturation beside node:http and workerd, fuel
npm run bench -- trust [--json]         appraisals a second: whole logs, what is new of them, reports of enclaves
npm run bench -- proof [--json]         receipts: CPU, durability, size, tiles and memory of a large log, verification
npm run bench -- idle [--json] [--folder .teapot]      memory of the nodes of a devnet that is up and idle
`

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '7' },
    'measure-ms': { type: 'string', default: '2000' },
    connections: { type: 'string', default: '128' },
    folder: { type: 'string', default: '.teapot' },
  },
})

if (positionals[0] === 'hot-path') await hotPath()
else if (positionals[0] === 'idle') idle()
else if (positionals[0] === 'host') await tell(measureHost)
else if (positionals[0] === 'trust') await tell(measureTrust)
else if (positionals[0] === 'proof') await tell(measureProof)
else {
  process.stderr.write(USAGE)
  process.exitCode = 2
}

/** Prints each figure beside its budget; the last line of `--json` holds all. */
async function tell(measure: (say: (line: string) => void) => Promise<object>): Promise<void> {
  const say = (line: string): void => void (values.json ? process.stderr : process.stdout).write(`${line}\n`)
  const figures = await measure(say)
  if (values.json) process.stdout.write(`${JSON.stringify(figures)}\n`)
}

/** Prints each node; the last line of `--json` holds the largest. */
function idle(): void {
  const nodes = measureIdle(values.folder)
  const largest = Math.max(...nodes.map(({ pssMegabytes }) => pssMegabytes))
  if (values.json) process.stdout.write(`${JSON.stringify({ nodes })}\n${JSON.stringify({ pssMegabytes: largest })}\n`)
  else {
    for (const { name, processes, pssMegabytes } of nodes) {
      process.stdout.write(`${name}  ${pssMegabytes} MB PSS in ${processes} processes (budget 300)\n`)
    }
  }
}

/** Prints rounds as they end; the last line of `--json` holds the two ratios. */
async function hotPath(): Promise<void> {
  const say = (line: string): void => void (values.json ? process.stderr : process.stdout).write(`${line}\n`)
  say('calls/s over keep-alive, unsealed; p99 in ms      plain node:http | sandbox | sandbox + durable receipts')
  const result = await measureHotPath({
    rounds: Number(values.rounds),
    measureMs: Number(values['measure-ms']),
    connections: Number(values.connections),
    onRound({ plain, bare, proven }) {
      const show = [plain, bare, proven].map((f) => `${Math.round(f.callsPerSecond)} (${f.p99Ms.toFixed(1)})`)
      say(`  ${show.join(' | ')}`)
    },
  })
  const { ratio, ratioNoReceipts, sealedCallsPerSecond } = result
  say(`no receipts: ${ratioNoReceipts} of plain node:http (budget 0.75)`)
  say(`durable receipts: ${ratio} of plain node:http (budget 0.5)`)
  say(`sealed, durable receipts: ${sealedCallsPerSecond} calls/s`)
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`)
    process.stdout.write(`${JSON.stringify({ ratio, ratioNoReceipts })}\n`)
  }
}
