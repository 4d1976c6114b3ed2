import { parseArgs } from 'node:util'
import { measureHotPath } from './hot-path.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '7' },
    'measure-ms': { type: 'string', default: '2000' },
    connections: { type: 'string', default: '128' },
  },
})

if (positionals[0] === 'hot-path') await hotPath()
else {
  process.stderr.write('npm run bench -- hot-path [--json] [--rounds 7] [--measure-ms 2000] [--connections 128]\n')
  process.exitCode = 2
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
