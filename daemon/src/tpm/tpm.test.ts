import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { concatBytes, toHex } from '@teapot-network/trust'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAttester } from './attester.ts'
import { createPrimary, HIERARCHY } from './commands/keys.ts'
import { NV, nvDefine } from './commands/nv.ts'
import { startPolicySession } from './commands/session.ts'
import { PROPERTY, readClock, readHandles, readProperty } from './commands/state.ts'
import { createConnection, PASSWORD, type TpmConnection } from './connection.ts'
import { responseName } from './response-code.ts'
import { createSwtpm, type Swtpm } from './swtpm.fixture.ts'
import { AK_TEMPLATE } from './templates.ts'
import { createTpm } from './tpm.ts'
import { openTransport, type TpmTransport } from './transport.ts'
import { createReader, sized, u8, u16, u32 } from './wire.ts'

let swtpm: Swtpm
beforeAll(async () => {
  swtpm = await createSwtpm()
})
afterAll(() => swtpm?.[Symbol.asyncDispose]())

test('a connection starts without the keys and sessions that others left behind', async () => {
  {
    await using transport = await openTransport({ socket: swtpm.socket })
    const connection = createConnection(transport)
    await createPrimary(connection, HIERARCHY.owner, AK_TEMPLATE)
    await createPrimary(connection, HIERARCHY.owner, AK_TEMPLATE)
    await startPolicySession(connection)
  }
  await using tpm = createTpm({ socket: swtpm.socket })
  const connection = await tpm.connect()
  expect(await readHandles(connection, 0x80000000)).toEqual([])
  expect(await readHandles(connection, 0x03000000)).toEqual([])
})

test('a TPM that is away is unavailable, and one that comes back after a cut line serves on with fresh handles', async () => {
  const wire = await createRelay(swtpm.socket)
  await using tpm = createTpm({ host: '127.0.0.1', port: wire.port })
  const attester = await createAttester(tpm)
  const data = toHex(randomBytes(32))
  await attester.quote(data)
  wire.cut()
  await attester.quote(data).catch((error) => expect(error.code).toBe('tpm/unavailable'))
  await attester.quote(data)
  await wire.close()
  await expect(attester.quote(data)).rejects.toMatchObject({ code: 'tpm/unavailable', kind: 'unavailable' })
  await expect(attester.quote(data)).rejects.toMatchObject({ code: 'tpm/unavailable' })
})

test('a TPM that was reset under a run is refused, as its PCRs tell of another boot', async () => {
  await using tpm = createTpm({ socket: swtpm.socket })
  const attester = await createAttester(tpm)
  const data = toHex(randomBytes(32))
  await attester.quote(data)
  await swtpm.kill('SIGKILL')
  await attester.quote(data).catch((error) => expect(error.code).toBe('tpm/unavailable'))
  await swtpm.start()
  await expect(attester.quote(data)).rejects.toMatchObject({ code: 'tpm/reset' })
  await expect(attester.quote(data)).rejects.toMatchObject({ code: 'tpm/reset' })
})

test('each reset raises the reset count by one, however the TPM was stopped', async () => {
  const boots: number[] = []
  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
    await using tpm = createTpm({ socket: swtpm.socket })
    boots.push((await readClock(await tpm.connect())).resetCount)
    await swtpm.kill(signal)
    await swtpm.start()
  }
  expect(boots).toEqual([boots[0], boots[0]! + 1, boots[0]! + 2])
})

test('disposing shuts the TPM down in order, and a power cut does not', async () => {
  {
    await using tpm = createTpm({ socket: swtpm.socket })
    await tpm.connect()
  }
  await swtpm.kill('SIGKILL')
  await swtpm.start()
  await using tpm = createTpm({ socket: swtpm.socket })
  expect(await wasOrderly(await tpm.connect())).toBe(true)
  await swtpm.kill('SIGKILL')
  await swtpm.start()
  await using again = createTpm({ socket: swtpm.socket })
  expect(await wasOrderly(await again.connect())).toBe(false)
})

test('a lockout after many wrong passwords is lifted at the next connection', async () => {
  {
    await using transport = await openTransport({ socket: swtpm.socket })
    await lockOut(createConnection(transport), transport)
  }
  {
    await using tpm = createTpm({ socket: swtpm.socket })
    expect(await readProperty(await tpm.connect(), PROPERTY.lockoutCounter)).toBe(0)
  }
  await using transport = await openTransport({ socket: swtpm.socket })
  expect(await guess(transport)).toBe('AUTH_FAIL')
})

test('many power cuts do not lock it', async () => {
  for (let i = 0; i < 6; i++) {
    await using tpm = createTpm({ socket: swtpm.socket })
    const attester = await createAttester(tpm)
    await attester.quote(toHex(randomBytes(32)))
    await swtpm.kill('SIGKILL')
    await swtpm.start()
  }
})

test('waiting for a TPM that is busy with another ends when told to', async () => {
  await using busy = createTpm({ socket: swtpm.socket })
  await busy.connect()
  await using tpm = createTpm({ socket: swtpm.socket })
  await expect(tpm.connect(AbortSignal.timeout(100))).rejects.toThrow('timeout')
})

/** TPM_PT_STARTUP_CLEAR's highest bit: the shutdown before this start was orderly. */
async function wasOrderly(connection: TpmConnection): Promise<boolean> {
  return (await readProperty(connection, 0x201)) >>> 31 === 1
}

/** An NV index that the dictionary-attack logic guards. */
const GUARDED = 0x01800123

async function lockOut(connection: TpmConnection, transport: TpmTransport): Promise<void> {
  await nvDefine(connection, HIERARCHY.owner, GUARDED, { attributes: NV.authWrite | NV.authRead, sizeBytes: 8 })
  for (let i = 0; i < 40; i++) if ((await guess(transport)) === 'LOCKOUT') return
  throw new Error('the TPM did not lock')
}

/** TPM2_NV_Read with a wrong password, by hand: our commands know only empty ones. */
async function guess(transport: TpmTransport): Promise<string> {
  const area = concatBytes(u32(PASSWORD), sized(), u8(1), sized(u8(1)))
  const body = concatBytes(u32(GUARDED), u32(GUARDED), u32(area.length), area, u16(8), u16(0))
  const response = await transport.send(concatBytes(u16(0x8002), u32(10 + body.length), u32(0x14e), body))
  const name = responseName(createReader(response.subarray(6)).u32())
  return name === 'RETRY' ? guess(transport) : name
}

/** A TCP port before swtpm's socket, whose line can be cut. */
async function createRelay(path: string) {
  const server = createServer((client) => {
    const upstream = connect(path)
    client.pipe(upstream).pipe(client)
    client.on('error', () => {})
    upstream.on('error', () => {})
    client.on('close', () => upstream.destroy())
    cuts.push(() => {
      client.destroy()
      upstream.destroy()
    })
  }).listen(0, '127.0.0.1')
  const cuts: (() => void)[] = []
  const cut = (): void => {
    for (const cutOne of cuts.splice(0)) cutOne()
  }
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    cut,
    close: async () => {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
