// Stands in for the daemon in tests: says that it runs, and waits until it is stopped.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [machineFile = ''] = process.argv.slice(2)
const running = join(JSON.parse(readFileSync(machineFile, 'utf8')).dataDir, 'running')
process.on('SIGTERM', () => {
  rmSync(running, { force: true })
  process.exit(0)
})
writeFileSync(running, `${process.pid}`)
setInterval(() => {}, 1000)
