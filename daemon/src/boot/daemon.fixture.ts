// Stands in for the daemon in tests: tells what it was started as, and waits.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [machineFile = ''] = process.argv.slice(2)
const { dataDir } = JSON.parse(readFileSync(machineFile, 'utf8'))
const { pid, argv, execArgv, env } = process
const file = join(dataDir, 'started.json')
writeFileSync(`${file}.new`, JSON.stringify({ pid, argv, execArgv, env, cwd: process.cwd() }))
renameSync(`${file}.new`, file)
process.on('SIGTERM', () => process.exit(0))
setInterval(() => {}, 1000)
