import { randomBytes, X509Certificate } from 'node:crypto'
import { concatBytes, type Digest, digestOf, fromHex, PCR_C, sha256, toHex } from '@teapot-network/trust'
import { describe, expect, test } from 'vitest'
import { loadAk } from './ak.ts'
import { createAttester } from './attester.ts'
import { checkQuote } from './checkquote.fixture.ts'
import { HIERARCHY } from './commands/keys.ts'
import { NV, nvDefine, nvWrite } from './commands/nv.ts'
import { pcrExtend } from './commands/pcr.ts'
import { PASSWORD, type TpmConnection } from './connection.ts'
import { makeCredential, nameOf } from './make-credential.ts'
import { extendTpm, OUR_PCRS, type Quote, quotePcrs, readPcrs } from './pcrs.ts'
import { useSwtpm } from './swtpm.fixture.ts'
import { createTpm } from './tpm.ts'
import { sized, u16 } from './wire.ts'

const { swtpm, tpm } = await useSwtpm()

const randomDigest = (): Digest => toHex(randomBytes(32))

describe('identity', () => {
  test('the node id is the digest of the Name of an AK that only x and y tell apart', async () => {
    const { ak, node } = await createAttester(tpm)
    const x = ak.slice(-66, -34)
    const y = ak.slice(-32)
    const prefix = fromHex('0x0023000b00050472000000100018000b00030010')
    expect(toHex(ak)).toBe(toHex(concatBytes(prefix, sized(x), sized(y))))
    expect(node).toBe(digestOf(concatBytes(u16(0x000b), sha256(ak))))
  })

  test('a TPM has one AK for life', async () => {
    const first = await createAttester(tpm)
    await using again = createTpm({ socket: swtpm.socket })
    await tpm[Symbol.asyncDispose]()
    const second = await createAttester(again)
    expect(second.node).toBe(first.node)
  })

  test('the EK certificate is the P-384 one, without the padding of its NV index, and chains to the maker', async () => {
    const { ek, ekDigest } = await createAttester(tpm)
    const certificate = new X509Certificate(ek[0]!)
    const [root, issuer] = (await swtpm.certificates()).map((pem) => new X509Certificate(pem))
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('secp384r1')
    expect(certificate.raw.length).toBe(ek[0]!.length)
    expect(certificate.verify(issuer!.publicKey) && issuer!.verify(root!.publicKey)).toBe(true)
    expect(ekDigest).toBe(digestOf(certificate.publicKey.export({ type: 'spki', format: 'der' })))
  })

  test('swtpm says of itself that it is simulated', async () => {
    const { manufacturer, type } = await createAttester(tpm)
    expect({ manufacturer, type }).toEqual({ manufacturer: 'IBM', type: 'tpm-simulated' })
  })
})

describe('quote', () => {
  test('tpm2_checkquote accepts it with its nonce and PCR values, and refuses it with another nonce', async () => {
    const attester = await createAttester(tpm)
    await extendTpm(tpm, PCR_C, randomDigest())
    const qualifyingData = randomDigest()
    const quote = await attester.quote(qualifyingData)
    await checkQuote(attester.ak, quote, qualifyingData)
    await expect(checkQuote(attester.ak, quote, randomDigest())).rejects.toThrow()
  })

  test('tpm2_checkquote accepts each over PCRs 0 to 14, eight of which are read at once, and knows an altered one', async () => {
    const attester = await createAttester(tpm)
    const pcrs = Array.from({ length: 15 }, (_, pcr) => pcr)
    for (const chosen of [pcrs, pcrs.slice(0, 8), pcrs.slice(0, 9), [0, 4, 7, 12, 13]]) {
      await extendTpm(tpm, PCR_C, randomDigest())
      const qualifyingData = randomDigest()
      const quote = await attester.quote(qualifyingData, chosen)
      expect(Object.keys(quote.pcrs).map(Number)).toEqual(chosen)
      await checkQuote(attester.ak, quote, qualifyingData)
      const lie = { ...quote, pcrs: { ...quote.pcrs, 0: randomDigest() } }
      await expect(checkQuote(attester.ak, lie, qualifyingData)).rejects.toThrow()
    }
  })

  test('needs no second attempt while this process extends', async () => {
    const attester = await createAttester(tpm)
    const loop = async (work: () => Promise<unknown>): Promise<void> => {
      for (let i = 0; i < 40; i++) await work()
    }
    await Promise.all([
      loop(() => extendTpm(tpm, PCR_C, randomDigest())),
      loop(async () => expectCovered(await attester.quote(randomDigest()))),
    ])
  })

  test.each([1, 3])('covers its values though others extended %i times in between', async (times) => {
    const connection = await meddled(times)
    expectCovered(await quotePcrs(connection, await loadAk(await tpm.connect()), randomBytes(32), OUR_PCRS))
  })

  test('is given up when PCRs never hold still', async () => {
    const connection = await meddled(Number.POSITIVE_INFINITY)
    const quoting = quotePcrs(connection, await loadAk(await tpm.connect()), randomBytes(32), OUR_PCRS)
    await expect(quoting).rejects.toMatchObject({ code: 'tpm/pcrs-in-motion', kind: 'unavailable' })
  })

  test('an extend adds SHA-256(value ‖ digest)', async () => {
    const before = (await readPcrs(tpm)).get(PCR_C)!
    const digest = randomDigest()
    await extendTpm(tpm, PCR_C, digest)
    expect(toHex((await readPcrs(tpm)).get(PCR_C)!)).toBe(digestOf(concatBytes(before, fromHex(digest))))
  })
})

describe('activation', () => {
  test('opens what was sealed to its EK and AK', async () => {
    const attester = await createAttester(tpm)
    const secret = randomBytes(32)
    const credential = makeCredential(attester.ek[0]!, attester.node, attester.ak, secret)
    expect(toHex(await attester.activate(credential))).toBe(toHex(secret))
  })

  test('many at once take their turns in the few slots of a TPM', async () => {
    const attester = await createAttester(tpm)
    const secrets = Array.from({ length: 6 }, () => randomBytes(32))
    const opened = secrets.map((secret) =>
      attester.activate(makeCredential(attester.ek[0]!, attester.node, attester.ak, secret)),
    )
    expect((await Promise.all(opened)).map(toHex)).toEqual(secrets.map(toHex))
  })

  test('refuses what was sealed to another AK, and works on after that', async () => {
    const attester = await createAttester(tpm)
    const other = Uint8Array.from(attester.ak)
    other[other.length - 1]! ^= 1
    const node = digestOf(nameOf(other))
    const credential = makeCredential(attester.ek[0]!, node as never, other, randomBytes(32))
    for (let i = 0; i < 4; i++) {
      await expect(attester.activate(credential)).rejects.toMatchObject({
        code: 'tpm/credential-refused',
        cause: { responseName: 'INTEGRITY' },
      })
    }
    await attester.quote(randomDigest())
  })

  test('refuses garbage', async () => {
    const attester = await createAttester(tpm)
    const garbage = { credentialBlob: randomBytes(40), encryptedSecret: randomBytes(100) }
    await expect(attester.activate(garbage)).rejects.toMatchObject({ code: 'tpm/credential-refused' })
  })
})

describe('log number', () => {
  test('only grows, and outlives a TPM whose power was cut', async () => {
    const attester = await createAttester(tpm)
    const first = await attester.logNumber()
    expect(await attester.logNumber()).toBe(first)
    expect(await attester.raiseLogNumber()).toBe(first + 1)
    await swtpm.kill('SIGKILL')
    await swtpm.start()
    await tpm[Symbol.asyncDispose]()
    await using fresh = createTpm({ socket: swtpm.socket })
    const again = await createAttester(fresh)
    expect(await again.logNumber()).toBe(first + 1)
    expect(await again.raiseLogNumber()).toBe(first + 2)
  })

  test('is refused where the owner put in its place what can be set back, and goes on above once that is gone', async () => {
    await using fresh = createTpm({ socket: swtpm.socket })
    const attester = await createAttester(fresh)
    const reached = await attester.raiseLogNumber()
    const connection = await fresh.connect()
    const index = 0x018007ea
    const undefine = { name: 'NV_UndefineSpace', code: 0x122, handles: [HIERARCHY.owner, index], sessions: [PASSWORD] }
    await connection.execute(undefine)
    const attributes = NV.ownerWrite | NV.authWrite | NV.ownerRead | NV.authRead | NV.noDa
    await nvDefine(connection, HIERARCHY.owner, index, { attributes, sizeBytes: 8 })
    await nvWrite(connection, HIERARCHY.owner, index, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1))
    await expect(attester.logNumber()).rejects.toMatchObject({ code: 'tpm/no-counter' })
    await connection.execute(undefine)
    expect(await attester.logNumber()).toBeGreaterThan(reached)
  })
})

function expectCovered({ attest, pcrs }: Quote): void {
  expect(toHex(attest.slice(-32))).toBe(digestOf(concatBytes(...Object.values(pcrs).map(fromHex))))
}

/** The TPM's connection, but another user of the TPM extends C just before each of the next quotes. */
async function meddled(times: number): Promise<TpmConnection> {
  const connection = await tpm.connect()
  let left = times
  return {
    closed: false,
    execute: async (command, signal) => {
      if (command.name === 'Quote' && left-- > 0) await pcrExtend(connection, PCR_C, randomBytes(32))
      return connection.execute(command, signal)
    },
  }
}
