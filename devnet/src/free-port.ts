import { createServer } from 'node:net'

/** Below what Linux gives to outgoing connections (32768–60999): those could take a port before whoever asked for it listens. */
const [FIRST, PORTS] = [20_000, 12_000]
const TRIES = 100
const given = new Set<number>()

/** A TCP port of loopback that nobody listens on, and that this process gave to nobody else: the preferred one if it is free, else any. */
export async function freePort(preferred = 0): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = tries === 0 && preferred !== 0 ? preferred : FIRST + Math.floor(Math.random() * PORTS)
    if ((given.has(port) && port !== preferred) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
  throw new Error(`Expected a free port from ${FIRST} on, found none in ${TRIES} tries`)
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    return await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen({ port, host: '127.0.0.1' }, () => resolve(true))
    })
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}
