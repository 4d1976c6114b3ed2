/** Measures gas on a real chain and writes `contracts/gas-snapshot.json`, against which the tests compare. */
import { writeFileSync } from 'node:fs'
import { measureGas } from '../testing/gas.ts'

const gas = await measureGas()
writeFileSync(new URL('../contracts/gas-snapshot.json', import.meta.url), `${JSON.stringify(gas, null, 2)}\n`)
console.table(gas)
