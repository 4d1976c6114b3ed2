// A publisher's machine with files to give away: `node publisher.ts <folder> <file>…`. Prints {url} once it serves them.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createBlockStore, createContentNode } from '@teapot-network/content'

const [folder = 'publisher', ...files] = process.argv.slice(2)

await using store = await createBlockStore({ dir: folder, quotaBytes: 1 << 28 })
await using content = await createContentNode({ store })
for (const file of files) await content.add(await readFile(file), { singleBlock: true })

const server = createServer((request, response) => void content.gateway(request, response))
server.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  console.log(JSON.stringify({ url }))
})
await new Promise((resolve) => process.once('SIGTERM', resolve))
server.closeAllConnections()
server.close()
