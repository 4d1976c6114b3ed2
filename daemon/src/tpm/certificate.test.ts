import { concatBytes } from '@teapot-network/trust'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAttester } from './attester.ts'
import { CHAIN_INDEXES, splitDer } from './certificate.ts'
import { HIERARCHY } from './commands/keys.ts'
import { NV, nvDefine, nvUndefine, nvWrite } from './commands/nv.ts'
import { createSwtpm, type Swtpm } from './swtpm.fixture.ts'
import { EK_PROFILES } from './templates.ts'
import { createTpm, type Tpm } from './tpm.ts'
import { u8, u16 } from './wire.ts'

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
  let swtpm: Swtpm
  let tpm: Tpm
  beforeAll(async () => {
    swtpm = await createSwtpm()
    tpm = createTpm({ socket: swtpm.socket })
  })
  afterAll(async () => {
    await tpm?.[Symbol.asyncDispose]()
    await swtpm?.[Symbol.asyncDispose]()
  })

  test('that holds its issuers shows them behind its EK certificate', async () => {
    const connection = await tpm.connect()
    const issuer = Buffer.from((await swtpm.certificates())[1]!.replace(/-----.*?-----/g, ''), 'base64')
    await nvDefine(connection, HIERARCHY.platform, CHAIN_INDEXES.first, {
      attributes: NV.ppWrite | NV.ppRead | NV.ownerRead | NV.authRead | NV.noDa | NV.platformCreate,
      sizeBytes: issuer.length,
    })
    await nvWrite(connection, HIERARCHY.platform, CHAIN_INDEXES.first, issuer)
    const { ek } = await createAttester(tpm)
    expect(ek.map((der) => der.length)).toEqual([ek[0]!.length, issuer.length])
  })

  test('without P-384 falls back to RSA-2048, and without any is refused', async () => {
    const connection = await tpm.connect()
    await nvUndefine(connection, HIERARCHY.platform, EK_PROFILES.p384.certificateIndex)
    const { ek } = await createAttester(tpm)
    expect(ek[0]!.length).toBeGreaterThan(700)
    await nvUndefine(connection, HIERARCHY.platform, EK_PROFILES.rsa2048.certificateIndex)
    await expect(createAttester(tpm)).rejects.toMatchObject({ code: 'tpm/no-ek-certificate' })
  })
})
