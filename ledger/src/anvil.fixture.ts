/** Starts anvil with the options in its argument, as JSON, tells its URL and pid, and waits to be killed. */
import { startAnvil } from './anvil.ts'

const { url, pid } = await startAnvil(JSON.parse(process.argv[2]!))
console.log(JSON.stringify({ url, pid }))
