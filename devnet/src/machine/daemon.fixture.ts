// Stands in for the daemon in tests: says that it runs, and waits until it is stopped.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [machineFile = ''] = process.argv.slice(2)
const running = join(JSON.parse(readFileSync(machineFile, 'utf8')).dataDir, 'running')
writeFileSync(running, `${process.pid}`)
process.on('SIGTERM', () => {
  rmSync(running)
  process.exit(0)
})
setInterval(() => {}, 1000)
