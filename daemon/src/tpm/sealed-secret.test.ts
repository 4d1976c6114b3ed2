import { randomBytes } from 'node:crypto'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type CborValue,
  type Digest,
  decodeCbor,
  digestOf,
  encodeCbor,
  extendPcr,
  PCR_R,
  type ReferenceValue,
  toHex,
  utf8,
} from '@teapot-network/trust'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createAttester } from './attester.ts'
import { createPrimary, HIERARCHY } from './commands/keys.ts'
import { load, unseal } from './commands/seal.ts'
import { PASSWORD } from './connection.ts'
import { makeCredential } from './make-credential.ts'
import { extendTpm } from './pcrs.ts'
import { openSealedKey } from './sealed-key.ts'
import { parseSealed, sealSecret, unsealSecret } from './sealed-secret.ts'
import { createSwtpm, useSwtpm } from './swtpm.fixture.ts'
import { STORAGE_TEMPLATE } from './templates.ts'
import { createTpm } from './tpm.ts'

const used = await useSwtpm()
const { swtpm } = used
let { tpm } = used

const measured = (release: string): Digest => digestOf(utf8(release))
/** The value of R after a boot into a release. */
const r = (release: string): Digest => extendPcr(toHex(new Uint8Array(32)), measured(release))
const opened = async (sealed: Uint8Array) => toHex((await unsealSecret(tpm, sealed)).secret)
const OTHER = { code: 'tpm/sealed-to-other-releases' }
const REFUSED = { code: 'tpm/sealed-secret-refused' }

/** Resets the TPM and boots a release. */
async function boot(release: string): Promise<void> {
  await tpm[Symbol.asyncDispose]()
  await swtpm.kill('SIGTERM')
  await swtpm.start()
  tpm = createTpm(swtpm.address)
  await extendTpm(tpm, PCR_R, measured(release))
}

test.each([1, 128])('a secret of %i bytes opens in each boot of its release, and in no other', async (size) => {
  const secret = randomBytes(size)
  await boot('one')
  const sealed = await sealSecret(tpm, secret, [r('one')])
  await boot('one')
  expect(await opened(sealed)).toBe(toHex(secret))
  await extendTpm(tpm, PCR_R, measured('more'))
  await expect(opened(sealed)).rejects.toMatchObject(OTHER)
  await boot('two')
  await expect(opened(sealed)).rejects.toMatchObject(OTHER)
})

test('sealed again by the old release it opens under the new one and, rolled back, the old one, and under no third', async () => {
  const secret = randomBytes(32)
  await boot('one')
  const old = await sealSecret(tpm, secret, [r('one')])
  const both = await sealSecret(tpm, (await unsealSecret(tpm, old)).secret, [r('one'), r('two')])
  expect(parseSealed(both)).toMatchObject({ by: r('one'), releases: [r('one'), r('two')] })
  for (const release of ['two', 'one']) {
    await boot(release)
    expect(await opened(both)).toBe(toHex(secret))
  }
  await boot('three')
  await expect(opened(both)).rejects.toMatchObject(OTHER)
})

test('it opens no more with any byte of it altered, nor with a password', async () => {
  await boot('one')
  const sealed = await sealSecret(tpm, randomBytes(32), [r('one'), r('two')])
  for (let i = 0; i < sealed.length; i++) {
    const altered = Uint8Array.from(sealed)
    altered[i]! ^= 1 << (i & 7)
    const code = expect.stringMatching(/^tpm\/sealed-(to-other-releases|secret-refused)$/)
    await expect(unsealSecret(tpm, altered), `byte ${i}`).rejects.toMatchObject({ code })
  }
  const connection = await tpm.connect()
  const parent = await createPrimary(connection, HIERARCHY.owner, STORAGE_TEMPLATE)
  const object = await load(connection, parent.handle, parseSealed(sealed).blob)
  await expect(unseal(connection, object, PASSWORD)).rejects.toMatchObject({ responseName: 'AUTH_UNAVAILABLE' })
}, 300_000)

test('it is refused by another TPM', async () => {
  await using other = await createSwtpm()
  await using another = createTpm(other.address)
  await boot('one')
  await extendTpm(another, PCR_R, measured('one'))
  const sealed = await sealSecret(another, randomBytes(32), [r('one')])
  await unsealSecret(another, sealed)
  await expect(opened(sealed)).rejects.toMatchObject(REFUSED)
}, 300_000)

test('it shares the few slots of the TPM with activations', async () => {
  await boot('one')
  const { ek, node, ak, activate } = await createAttester(tpm)
  const sealed = await sealSecret(tpm, Uint8Array.of(7), [r('one')])
  const credential = makeCredential(ek[0]!, node, ak, Uint8Array.of(7))
  const work = Array.from({ length: 6 }, () => [opened(sealed), activate(credential).then(toHex)])
  expect(new Set(await Promise.all(work.flat()))).toEqual(new Set(['0x07']))
})

test.each([
  [129, 1],
  [32, 0],
  [32, 9],
])('of %i bytes, for %i releases, none is made', async (size, count) => {
  const releases = Array.from({ length: count }, (_, i) => r(`${i}`))
  await expect(sealSecret(tpm, randomBytes(size), releases)).rejects.toThrow(RangeError)
})

test('one that is out of form cannot be read', async () => {
  await boot('one')
  const whole = decodeCbor(await sealSecret(tpm, Uint8Array.of(7), [r('one')])) as Map<string, CborValue>
  const short = new Uint8Array(31)
  const nine = Array.from({ length: 9 }, () => new Uint8Array(32))
  const changes = [{ v: 2 }, { releases: [] }, { releases: nine }, { releases: [short] }, { more: 1 }, { private: 'x' }]
  for (const change of [...changes, { by: new Uint8Array(32) }]) {
    const altered = encodeCbor({ ...Object.fromEntries(whole), ...change })
    expect(() => parseSealed(altered)).toThrow(expect.objectContaining(REFUSED))
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      expect(() => parseSealed(bytes)).toThrow(expect.objectContaining(REFUSED))
    }),
  )
})

const path = () => join(swtpm.folder, 'key.sealed')
const sealedTo = async () => parseSealed(await readFile(path())).releases
const ledger = (values: Record<string, ReferenceValue['status']>) => ({
  referenceValues: Object.entries(values).map(([release, status]): ReferenceValue => {
    return { r: r(release), release, platform: 'x64', status, sinceBlock: 1 }
  }),
})

test('a sealed key is made at the first start, found at the next, and follows what the ledger approves', async () => {
  await boot('one')
  const first = await openSealedKey(path(), tpm)
  expect(first.key).toHaveLength(32)
  expect((await stat(path())).mode & 0o777).toBe(0o600)
  expect(toHex((await openSealedKey(path(), tpm)).key)).toBe(toHex(first.key))
  await first.follow(ledger({ zero: 'superseded', one: 'grace', two: 'current' }))
  expect(await sealedTo()).toEqual([r('one'), r('two')].sort())
  await boot('two')
  const second = await openSealedKey(path(), tpm, ledger({ one: 'grace', two: 'current' }))
  expect(toHex(second.key)).toBe(toHex(first.key))
  await second.follow(ledger({ one: 'superseded', two: 'current' }))
  expect(await sealedTo()).toEqual([r('two')])
})

test('it is sealed anew once, however many ask for it at once', async () => {
  await boot('one')
  await rm(path(), { force: true })
  let used = 0
  const connect = (signal?: AbortSignal) => {
    used++
    return tpm.connect(signal)
  }
  const { follow } = await openSealedKey(path(), { ...tpm, connect })
  used = 0
  const facts = ledger({ one: 'grace', two: 'current' })
  await Promise.all([follow(facts), follow(facts), follow(facts)])
  expect(used).toBe(1)
  expect(await sealedTo()).toEqual([r('one'), r('two')].sort())
})

test('it is a new one where it was sealed by another, who would know it, or was altered', async () => {
  const known = randomBytes(32)
  await boot('rogue')
  const planted = await sealSecret(tpm, known, [r('one')])
  await boot('one')
  expect(await unsealSecret(tpm, planted)).toMatchObject({ by: r('rogue') })
  const lie = decodeCbor(planted) as Map<string, CborValue>
  const genuine = decodeCbor(await sealSecret(tpm, known, [r('one')])) as Map<string, CborValue>
  for (const name of ['by', 'creation', 'ticket']) lie.set(name, genuine.get(name)!)
  for (const file of [planted, encodeCbor(Object.fromEntries(lie)), 'garbage']) {
    await writeFile(path(), file)
    const { key } = await openSealedKey(path(), tpm, ledger({ one: 'current', rogue: 'superseded' }))
    expect(toHex(key)).not.toBe(toHex(known))
  }
})

test('one that a revoked release could open is replaced for the next start, and a revoked release seals nothing', async () => {
  await boot('one')
  const first = await openSealedKey(path(), tpm)
  await first.follow(ledger({ one: 'grace', two: 'current' }))
  await first.follow(ledger({ one: 'current', two: 'revoked', three: 'current' }))
  await first.follow(ledger({ one: 'current', two: 'revoked' }))
  expect(await sealedTo()).toEqual([r('one')])
  const second = await openSealedKey(path(), tpm)
  expect(toHex(second.key)).not.toBe(toHex(first.key))
  await second.follow(ledger({ one: 'revoked', three: 'current' }))
  expect(await sealedTo()).toEqual([r('one')])
})
