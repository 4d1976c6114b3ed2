import { type AddressInfo, createServer } from 'node:net'

/** A TCP port of loopback that nobody listens on: the preferred one if it is free, else any. */
export async function freePort(preferred = 0): Promise<number> {
  const server = createServer()
  try {
    return await new Promise<number>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ port: preferred, host: '127.0.0.1' }, () => resolve((server.address() as AddressInfo).port))
    })
  } catch (error) {
    if (preferred !== 0 && (error as NodeJS.ErrnoException).code === 'EADDRINUSE') return freePort()
    throw error
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}
