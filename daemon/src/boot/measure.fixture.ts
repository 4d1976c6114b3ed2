// A process that measures one actor after the other until it is killed, by itself at a chosen point or by its disk being full.
// `node measure.fixture.ts <tpm socket> <event log> <before-extend | after-extend | never> <how many>`
import { EntryKind, toHex } from '@teapot-network/trust'
import { extendTpm, readPcrs } from '../tpm/pcrs.ts'
import { createTpm } from '../tpm/tpm.ts'
import { openEventLog } from './event-log.ts'

const [socket = '', file = '', killAt, count] = process.argv.slice(2)
const tpm = createTpm({ socket })
let left = Number(count)
const log = await openEventLog(file, {
  read: (signal) => readPcrs(tpm, signal),
  extend: async (pcr, digest, signal) => {
    left--
    if (left === 0 && killAt === 'before-extend') process.kill(process.pid, 'SIGKILL')
    await extendTpm(tpm, pcr, digest, signal)
    if (left === 0 && killAt === 'after-extend') process.kill(process.pid, 'SIGKILL')
  },
})
try {
  for (let i = 0; i < Number(count); i++) {
    const sha256 = toHex(new Uint8Array(32).fill(i))
    await log.measure({ kind: EntryKind.actor, name: `actor-${i}`, sha256, grants: new Uint8Array() })
  }
} catch (error) {
  console.log(`${(error as { code: string }).code} ${log.records().length}`)
}
process.exit(0)
