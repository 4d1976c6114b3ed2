import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * A port that nobody listened on a moment ago: whoever takes it says whether it still was so. Below the ports of outgoing connections
 * (32768–60999): a client that tries one of those while nobody listens may connect to itself, and keep it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    const server = createServer()
    const free = once(server, 'listening').then(
      () => true,
      () => false,
    )
    server.listen(port, '127.0.0.1')
    if (!(await free)) continue
    server.close()
    await once(server, 'close')
    return port
  }
}
