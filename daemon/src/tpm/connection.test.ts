import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { concatBytes, TeapotError, toHex } from '@teapot-network/trust'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { createConnection, encodeCommand, PASSWORD, parseResponse, type TpmCommand } from './connection.ts'
import { TpmError } from './response-code.ts'
import { openTransport } from './transport.ts'
import { sized, u8, u16, u32 } from './wire.ts'

const plain: TpmCommand = { name: 'Plain', code: 0x17e }
const authorised: TpmCommand = { name: 'Authorised', code: 0x182, handles: [13], sessions: [PASSWORD] }
const withHandle: TpmCommand = { name: 'WithHandle', code: 0x131, returnsHandle: true }

const response = (tag: number, code: number, body: Uint8Array = new Uint8Array()): Uint8Array =>
  concatBytes(u16(tag), u32(10 + body.length), u32(code), body)

describe('a command', () => {
  test('is framed as TPM 2.0 Part 1 §18 says, with an empty password for its handle', () => {
    const bytes = encodeCommand({ ...authorised, parameters: Uint8Array.of(0xaa) })
    expect(toHex(bytes)).toBe('0x80020000001c000001820000000d00000009400000090000010000aa')
  })
})

describe('a response', () => {
  test('gives its parameters without the session area behind them', () => {
    const session = concatBytes(sized(), u8(1), sized())
    const parameters = Uint8Array.of(1, 2, 3)
    const bytes = response(0x8002, 0, concatBytes(u32(3), parameters, session))
    expect(parseResponse(authorised, bytes).parameters.rest()).toEqual(parameters)
  })

  test('gives its handle apart', () => {
    const { handle, parameters } = parseResponse(withHandle, response(0x8001, 0, concatBytes(u32(0x80000001), u8(7))))
    expect([handle, parameters.u8()]).toEqual([0x80000001, 7])
  })

  test('that is not success names its code and the command', () => {
    expect(() => parseResponse(plain, response(0x8001, 0x1df))).toThrow(/TPM2_Plain failed.*0x1df \(INTEGRITY\)/)
  })

  test.each([
    ['a size that is not its length', concatBytes(u16(0x8001), u32(11), u32(0))],
    ['the tag of sessions where none were asked for', response(0x8002, 0)],
    ['bytes behind an error', response(0x8001, 0x101, u8(0))],
  ])('with %s is refused', (_, bytes) => {
    expect(() => parseResponse(plain, bytes)).toThrow(expect.objectContaining({ code: 'tpm/malformed-response' }))
  })

  test('of any bytes at all is parsed or refused, never anything else', () => {
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.uint8Array({ maxLength: 48 }).map((body) => response(0x8002, 0, body)),
      fc.uint8Array({ maxLength: 48 }).map((body) => response(0x8001, 0, body)),
    )
    fc.assert(
      fc.property(bodies, fc.constantFrom(plain, authorised, withHandle), (bytes, command) => {
        try {
          const { parameters } = parseResponse(command, bytes)
          parameters.sized()
          parameters.u64()
          parameters.end()
        } catch (error) {
          expect(error).toBeInstanceOf(TeapotError)
        }
      }),
    )
  })
})

describe('a connection', () => {
  let server: Server | undefined
  const sockets: Socket[] = []
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy()
    server?.close()
  })
  async function answering(answer: (command: Uint8Array, socket: Socket) => void) {
    server = createServer((socket) => {
      sockets.push(socket)
      socket.on('data', (command) => answer(command as Buffer, socket))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    return openTransport({ host: '127.0.0.1', port })
  }

  test('asks again while the TPM says RETRY', async () => {
    let asked = 0
    await using transport = await answering((_, socket) => socket.write(response(0x8001, asked++ < 2 ? 0x922 : 0)))
    await createConnection(transport).execute(plain)
    expect(asked).toBe(3)
  })

  test('asks ever more seldom, and in the end says that the TPM stays busy', async () => {
    let now = 0
    const waits: number[] = []
    const sleep = async (ms: number): Promise<void> => {
      waits.push(ms)
      now += ms
    }
    await using transport = await answering((_, socket) => socket.write(response(0x8001, 0x922)))
    const asking = createConnection(transport, { nowMs: () => now, sleep }).execute(plain)
    await expect(asking).rejects.toMatchObject({
      ...{ code: 'tpm/command-failed', responseName: 'RETRY', kind: 'unavailable' },
    })
    await expect(asking).rejects.toThrow(/TPM2_Plain failed.*stays busy/)
    expect(waits).toEqual([10, 20, 40, 80, 160, 320, 640, ...Array.from({ length: 28 }, () => 1000)])
  })

  test('stops asking when it is told to', async () => {
    const stop = new AbortController()
    await using transport = await answering((_, socket) => {
      socket.write(response(0x8001, 0x922))
      stop.abort()
    })
    await expect(createConnection(transport).execute(plain, stop.signal)).rejects.toThrow('aborted')
  })

  test('puts a response together that comes in pieces, and keeps the order of commands', async () => {
    let asked = 0
    await using transport = await answering((_, socket) => {
      const bytes = response(0x8001, 0, u8(asked++))
      for (const byte of bytes) socket.write(Uint8Array.of(byte))
    })
    const connection = createConnection(transport)
    const answers = await Promise.all([1, 2, 3].map(() => connection.execute(plain)))
    expect(answers.map(({ parameters }) => parameters.u8())).toEqual([0, 1, 2])
  })

  test('is closed by a response too long to be one', async () => {
    await using transport = await answering((_, socket) => socket.write(concatBytes(u16(0x8001), u32(9000), u32(0))))
    const connection = createConnection(transport)
    await expect(connection.execute(plain)).rejects.toMatchObject({ code: 'tpm/malformed-response' })
    expect(connection.closed).toBe(true)
  })

  test('is closed when a command is abandoned, as its answer would come late', async () => {
    const stop = new AbortController()
    await using transport = await answering(() => stop.abort())
    const connection = createConnection(transport)
    await expect(connection.execute(plain, stop.signal)).rejects.toThrow('aborted')
    expect(connection.closed).toBe(true)
  })

  test('that is cut says so', async () => {
    await using transport = await answering((_, socket) => socket.destroy())
    const connection = createConnection(transport)
    await expect(connection.execute(plain)).rejects.toMatchObject({ code: 'tpm/unavailable', kind: 'unavailable' })
    await expect(connection.execute(plain)).rejects.toMatchObject({ code: 'tpm/unavailable' })
  })

  test.each([
    [0x921, 'tpm2_dictionarylockout'],
    [0x100, 'TPM2_Startup'],
    [0x101, 'power the machine off'],
    [0x98e, 'empty auth'],
    [0x185, 'enable the storage and endorsement'],
    [0x902, '/dev/tpmrm0'],
    [0x14b, 'tpm2_nvundefine'],
  ])('says what to do about 0x%x', (code, what) => {
    expect(new TpmError('Plain', code).message).toMatch(/^TPM2_Plain failed: expected success, found 0x/)
    expect(new TpmError('Plain', code).message).toContain(what)
  })

  test('names an error code that has no name', () => {
    expect(new TpmError('Plain', 0x999).message).toContain('0x999 (unnamed)')
  })
})
