import { X509Certificate } from 'node:crypto'
import { concatBytes, toHex } from '@teapot-network/trust'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAttester } from './attester.ts'
import { CHAIN_INDEXES, ekKeyOf, splitDer } from './certificate.ts'
import { HIERARCHY } from './commands/keys.ts'
import { NV, type NvIndex, nvDefine, nvWrite } from './commands/nv.ts'
import { PASSWORD, type TpmConnection } from './connection.ts'
import { certifyEk } from './ek.fixture.ts'
import { makeCredential } from './make-credential.ts'
import { useSwtpm } from './swtpm.fixture.ts'
import { EK_PROFILES, type EkKind } from './templates.ts'
import { u8, u16 } from './wire.ts'

const { swtpm, tpm } = await useSwtpm()

describe('splitDer', () => {
  const sequence = fc.uint8Array({ maxLength: 400 }).map((body) => {
    const length = body.length < 0x80 ? u8(body.length) : concatBytes(u8(0x82), u16(body.length))
    return concatBytes(u8(0x30), length, body)
  })

  test('gives back the sequences that were joined, without the padding behind them', () => {
    const padding = fc.constantFrom(new Uint8Array(), new Uint8Array(20), new Uint8Array(20).fill(0xff))
    fc.assert(
      fc.property(fc.array(sequence, { maxLength: 4 }), padding, (parts, padding) => {
        expect(splitDer(concatBytes(...parts, padding)).map((part) => [...part])).toEqual(
          parts.map((part) => [...part]),
        )
      }),
    )
  })

  test('leaves out a sequence that is cut short', () => {
    fc.assert(
      fc.property(sequence, fc.nat(), (part, cut) => {
        expect(splitDer(part.subarray(0, cut % part.length))).toEqual([])
      }),
    )
  })

  test('holds still for any bytes', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => splitDer(bytes).length >= 0))
  })
})

describe('a TPM', () => {
  test('that holds its issuers shows them behind its EK certificate', async () => {
    const connection = await tpm.connect()
    const issuer = derOf((await swtpm.certificates())[1]!)
    await put(connection, CHAIN_INDEXES.first, issuer)
    const { ek } = await createAttester(tpm)
    expect(ek.map((der) => der.length)).toEqual([ek[0]!.length, issuer.length])
  })

  test('that holds none shows those that its operator gives it, in order, without the root and what does not belong', async () => {
    const connection = await tpm.connect()
    await undefine(connection, CHAIN_INDEXES.first)
    const [root, issuer] = (await swtpm.certificates()).map(derOf)
    const stranger = await certifyEk(swtpm, connection, 'p256')
    const { ek } = await createAttester(tpm, undefined, [stranger, Uint8Array.of(0x30, 0), root!, issuer!])
    expect(ek.slice(1).map((der) => toHex(der))).toEqual([toHex(issuer!)])
    expect((await createAttester(tpm)).ek).toHaveLength(1)
  })

  test('shows the best certificate it has of each kind, each good for activation and its maker, and without any is refused', async () => {
    const connection = await tpm.connect()
    for (const kind of ['p256', 'rsa2048High', 'p256High'] as const) {
      const certificate = await certifyEk(swtpm, connection, kind)
      await put(connection, EK_PROFILES[kind].certificateIndex, certificate, 9)
    }
    const issuer = new X509Certificate((await swtpm.certificates())[1]!)
    const seen: string[] = []
    for (const kind of Object.keys(EK_PROFILES) as EkKind[]) {
      const attester = await createAttester(tpm)
      const { node, ak, ek } = attester
      expect(new X509Certificate(ek[0]!).verify(issuer.publicKey)).toBe(true)
      expect(toHex(await attester.activate(makeCredential(ek[0]!, node, ak, Uint8Array.of(7))))).toBe('0x07')
      seen.push(ekKeyOf(ek[0]!))
      await undefine(connection, EK_PROFILES[kind].certificateIndex)
    }
    expect(seen).toEqual(['p384', 'rsa2048', 'p256', 'rsa2048', 'p256'])
    await expect(createAttester(tpm)).rejects.toMatchObject({ code: 'tpm/no-ek-certificate' })
  })
})

function derOf(pem: string): Uint8Array {
  return new Uint8Array(Buffer.from(pem.replace(/-----.*?-----/g, ''), 'base64'))
}

/** As a maker does. @param padding how much longer the index is than what it holds */
async function put(connection: TpmConnection, index: NvIndex, bytes: Uint8Array, padding = 0): Promise<void> {
  const attributes = NV.ppWrite | NV.ppRead | NV.ownerRead | NV.authRead | NV.noDa | NV.platformCreate
  await nvDefine(connection, HIERARCHY.platform, index, { attributes, sizeBytes: bytes.length + padding })
  await nvWrite(connection, HIERARCHY.platform, index, bytes)
}

/** TPM2_NV_UndefineSpace (Part 3 §31.4). */
async function undefine(connection: TpmConnection, index: NvIndex): Promise<void> {
  const command = { name: 'NV_UndefineSpace', code: 0x122, handles: [HIERARCHY.platform, index], sessions: [PASSWORD] }
  await connection.execute(command)
}
