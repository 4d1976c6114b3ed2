import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf, fromHex, type Hex, type NodeId, toHex } from '@teapot-network/trust'
import { expect, test } from 'vitest'
import { activate } from './activation.ts'
import { loadAk } from './ak.ts'
import { readEkCertificates } from './certificate.ts'
import { checkQuote } from './checkquote.fixture.ts'
import { flushContext } from './commands/keys.ts'
import { createConnection, encodeCommand } from './connection.ts'
import { createDeviceFile } from './device.fixture.ts'
import { type DeviceFile, deviceTransport } from './device.ts'
import { makeCredential, nameOf } from './make-credential.ts'
import { quotePcrs } from './pcrs.ts'
import { useSwtpm } from './swtpm.fixture.ts'
import { openTransport } from './transport.ts'

const { swtpm } = await useSwtpm()

const openFile = async (readBytes?: number) => createDeviceFile(await openTransport(swtpm.address), readBytes)
const parameters = fromHex('0x000000060000010500000001')
const command = encodeCommand({ name: 'GetCapability', code: 0x17a, parameters })

test.each([4096, 7])('through the device, %i bytes a read, a node enrols and quotes', async (readBytes) => {
  await using transport = deviceTransport(await openFile(readBytes), '/dev/tpmrm0')
  const tpm = createConnection(transport)
  const ak = await loadAk(tpm)
  const { kind, chain } = await readEkCertificates(tpm)
  const secret = randomBytes(32)
  const credential = makeCredential(chain[0]!, digestOf(nameOf(ak.public)) as Hex as NodeId, ak.public, secret)
  expect(toHex(await activate(tpm, ak, kind, credential))).toBe(toHex(secret))
  const pcrs = Array.from({ length: 15 }, (_, pcr) => pcr)
  await checkQuote(ak.public, await quotePcrs(tpm, ak, secret, pcrs), toHex(secret))
  await flushContext(tpm, ak.handle)
})

test.each<[string, Partial<DeviceFile>, string]>([
  ['that refuses a write', { write: () => Promise.reject(new Error('ETIME')) }, 'tpm/unavailable'],
  ['that refuses a read', { read: () => Promise.reject(new Error('EIO')) }, 'tpm/unavailable'],
  ['whose answer ends early', { read: async () => ({ bytesRead: 0 }) }, 'tpm/unavailable'],
  ['whose answer is none', { read: async (into) => ({ bytesRead: into.fill(0xff).length }) }, 'tpm/malformed-response'],
])('a device %s is closed', async (_, change, code) => {
  await using transport = deviceTransport({ ...(await openFile()), ...change }, '/dev/tpmrm0')
  await expect(transport.send(command)).rejects.toMatchObject({ code })
  expect(transport.closed).toBe(true)
  await expect(transport.send(command)).rejects.toMatchObject({ code: 'tpm/unavailable' })
})

test('a device that takes its time is left when told to', async () => {
  await using transport = deviceTransport({ ...(await openFile()), write: () => new Promise(() => {}) }, 'x')
  await expect(transport.send(command, AbortSignal.timeout(20))).rejects.toThrow('timeout')
  expect(transport.closed).toBe(true)
})

test.each(['/dev/no-tpm', '/dev/null'])('%s is no TPM, and the error names it', async (device) => {
  const sending = openTransport({ device }).then((transport) => transport.send(command))
  await expect(sending).rejects.toMatchObject({ code: 'tpm/unavailable', message: expect.stringContaining(device) })
})

const measured = join(import.meta.dirname, '../../../../shared/samples/box/x64-tcg-tis/sem.json')
if (!existsSync(measured))
  console.warn('SKIPPED: what /dev/tpmrm0 was measured to do, as ../shared/samples is not there')

test.skipIf(!existsSync(measured))('our stand-in for the device does what the device was measured to do', async () => {
  const { sem } = JSON.parse(readFileSync(measured, 'utf8'))
  const file = await openFile()
  const write = (bytes: Uint8Array) => file.write(bytes, 0, bytes.length, null)
  const read = async (length: number, position: number | null = null) =>
    (await file.read(new Uint8Array(length), 0, length, position as null)).bytesRead
  const codeOf = (doing: Promise<unknown>) => doing.catch(({ code }) => code)
  expect(await read(100)).toBe(sem.readBeforeWrite.ok)
  await write(command)
  expect(await codeOf(write(command))).toBe(sem.secondWriteWithoutRead.err)
  expect(await read(10)).toBe(sem.partialRead10.ok)
  expect(await read(100)).toBeGreaterThan(0)
  expect(await read(100)).toBe(sem.readAfterEnd.ok)
  expect(await codeOf(read(10, 0))).toBe(sem.preadOffset0.err)
  expect(await codeOf(write(command.slice(0, 12)))).toBe(sem.splitWrite.err)
  expect(await codeOf(write(command.slice(0, 4)))).toBe(sem.shortHeader.err)
  expect(await codeOf(write(new Uint8Array(5000)))).toBe(sem.write5000.err)
  await write(Buffer.concat([command, Buffer.alloc(5)]))
  await file.close()
})
