// Stands in for the daemon in tests: tells what it was started as, and waits.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [machineFile = ''] = process.argv.slice(2)
const { dataDir } = JSON.parse(readFileSync(machineFile, 'utf8'))
const { pid, argv, execArgv, env } = process
writeFileSync(join(dataDir, 'started.json'), JSON.stringify({ pid, argv, execArgv, env, cwd: process.cwd() }))
process.on('SIGTERM', () => process.exit(0))
setInterval(() => {}, 1000)
