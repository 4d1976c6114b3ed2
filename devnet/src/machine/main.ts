// One devnet box: `node main.ts <machine.json>`.
import { runMachine } from './run-machine.ts'

await runMachine(process.argv[2])
