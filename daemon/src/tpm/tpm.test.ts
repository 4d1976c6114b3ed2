import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { concatBytes, PCR_C, toHex } from '@teapot-network/trust'
import { expect, test } from 'vitest'
import { createAttester } from './attester.ts'
import { checkQuote } from './checkquote.fixture.ts'
import { createPrimary, HIERARCHY } from './commands/keys.ts'
import { NV, nvDefine } from './commands/nv.ts'
import { pcrExtend } from './commands/pcr.ts'
import { startPolicySession } from './commands/session.ts'
import { PROPERTY, readClock, readHandles, readProperty } from './commands/state.ts'
import { createConnection, PASSWORD, type TpmConnection } from './connection.ts'
import type { TpmTransport } from './frame.ts'
import { makeCredential } from './make-credential.ts'
import { readPcrs } from './pcrs.ts'
import { responseName } from './response-code.ts'
import { createSwtpm, useSwtpm } from './swtpm.fixture.ts'
import { AK_TEMPLATE } from './templates.ts'
import { createTpm } from './tpm.ts'
import { openTransport } from './transport.ts'
import { createReader, sized, u8, u16, u32 } from './wire.ts'

const { swtpm } = await useSwtpm()

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
  await using tpm = createTpm({ socket: wire.socket })
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

test('over TCP a TPM serves as over its own socket', async () => {
  await using other = await createSwtpm({ tcp: true })
  await using tpm = createTpm(other.address)
  const attester = await createAttester(tpm)
  const nonce = toHex(randomBytes(32))
  await checkQuote(attester.ak, await attester.quote(nonce), nonce)
  await other.kill('SIGKILL')
  await expect(attester.quote(nonce)).rejects.toMatchObject({
    code: 'tpm/unavailable',
    message: expect.stringMatching(/127\.0\.0\.1:\d+/),
  })
})

test('a TPM that was restarted under a run (only restartCount rises) is another boot, with empty PCRs', async () => {
  await using tpm = createTpm({ socket: swtpm.socket })
  const connection = await tpm.connect()
  const { boot } = await createAttester(tpm)
  await pcrExtend(connection, PCR_C, randomBytes(32))
  const before = await readClock(connection)
  await connection.execute({ name: 'Shutdown', code: 0x145, parameters: u16(SHUTDOWN_STATE) })
  await swtpm.kill('SIGKILL')
  await swtpm.start()
  await createAttester(tpm).catch(() => {})
  await expect(createAttester(tpm)).rejects.toMatchObject({ code: 'tpm/reset' })
  await using again = createTpm({ socket: swtpm.socket })
  const restarted = await again.connect()
  expect(await readClock(restarted)).toEqual({ ...before, restartCount: before.restartCount + 1 })
  expect((await createAttester(again)).boot).toBe(boot + 1)
  expect((await readPcrs(again)).get(PCR_C)).toEqual(new Uint8Array(32))
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
    await lockOut(transport)
  }
  {
    await using tpm = createTpm({ socket: swtpm.socket })
    expect(await readProperty(await tpm.connect(), PROPERTY.lockoutCounter)).toBe(0)
  }
  await using transport = await openTransport({ socket: swtpm.socket })
  expect(await guess(transport)).toBe('AUTH_FAIL')
})

test('a locked TPM whose lockout auth is set quotes on, and says why it activates nothing', async () => {
  const [none, set] = [new Uint8Array(), u8(9)]
  {
    await using transport = await openTransport({ socket: swtpm.socket })
    expect(await changeLockoutAuth(transport, none, set)).toBe('SUCCESS')
    await lockOut(transport)
  }
  {
    await using tpm = createTpm({ socket: swtpm.socket })
    const attester = await createAttester(tpm)
    const { node, ak, ek } = attester
    await attester.quote(toHex(randomBytes(32)))
    await expect(attester.activate(makeCredential(ek[0]!, node, ak, Uint8Array.of(7)))).rejects.toMatchObject({
      responseName: 'LOCKOUT',
      kind: 'unavailable',
      message: expect.stringContaining('dictionary-attack lockout'),
    })
  }
  await using transport = await openTransport({ socket: swtpm.socket })
  expect(await changeLockoutAuth(transport, set, none)).toBe('SUCCESS')
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

const SHUTDOWN_STATE = 1
/** An NV index that the dictionary-attack logic guards. */
const GUARDED = 0x01800123

async function lockOut(transport: TpmTransport): Promise<void> {
  const area = { attributes: NV.authWrite | NV.authRead, sizeBytes: 8 }
  await nvDefine(createConnection(transport), HIERARCHY.owner, GUARDED, area).catch((error) => {
    expect(error.responseName).toBe('NV_DEFINED')
  })
  for (let i = 0; i < 40; i++) if ((await guess(transport)) === 'LOCKOUT') return
  throw new Error('the TPM did not lock')
}

/** TPM2_NV_Read with a wrong password. */
const guess = (transport: TpmTransport): Promise<string> =>
  withPassword(transport, 0x14e, [GUARDED, GUARDED], u8(1), concatBytes(u16(8), u16(0)))

/** TPM2_HierarchyChangeAuth of the lockout hierarchy. */
const changeLockoutAuth = (transport: TpmTransport, from: Uint8Array, to: Uint8Array): Promise<string> =>
  withPassword(transport, 0x129, [HIERARCHY.lockout], from, sized(to))

/** A command with a password, by hand: ours know only the empty one. Gives the response code's name. */
async function withPassword(
  transport: TpmTransport,
  code: number,
  handles: number[],
  password: Uint8Array,
  parameters: Uint8Array,
): Promise<string> {
  const area = concatBytes(u32(PASSWORD), sized(), u8(1), sized(password))
  const body = concatBytes(...handles.map(u32), u32(area.length), area, parameters)
  const response = await transport.send(concatBytes(u16(0x8002), u32(10 + body.length), u32(code), body))
  const found = createReader(response.subarray(6)).u32()
  const name = found === 0 ? 'SUCCESS' : responseName(found)
  return name === 'RETRY' ? withPassword(transport, code, handles, password, parameters) : name
}

/** A socket before swtpm's, whose line can be cut. */
async function createRelay(path: string) {
  const socket = join(swtpm.folder, 'relay')
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
  }).listen(socket)
  const cuts: (() => void)[] = []
  const cut = (): void => {
    for (const cutOne of cuts.splice(0)) cutOne()
  }
  await once(server, 'listening')
  return {
    socket,
    cut,
    close: async () => {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
