import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { concatBytes, encodeCbor } from '@teapot-network/trust'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseCertificateTable } from './collateral.ts'
import { collectTee } from './collector.ts'
import { createTsmCollector } from './configfs-tsm.ts'
import { createTsmTree, errno, type TsmDriver } from './tsm-tree.fixture.ts'

const reportData = randomBytes(64)
const said = (inblob: Uint8Array, privlevel: number): Uint8Array => concatBytes(inblob, Uint8Array.of(privlevel))
const tdx: TsmDriver = { provider: 'tdx_guest', report: said }
const snp: TsmDriver = { provider: 'sev_guest', report: said, privlevelFloor: 0, auxblob: new Uint8Array() }
const NO_REPORT = { code: 'collect/no-report', kind: 'unavailable' }
const [VCEK, VLEK] = ['63da758de6644564adc5f4b93be8accd', 'a8074bc2a25a483eaae639c045a0b8a1'] as const
const [ASK, ARK] = ['4ab7b379bbac4fe4a02f05aef327c782', 'c0b406a4a803495297433fb6014cd0ae'] as const
const [leaf, issuer, other] = [Uint8Array.of(1), Uint8Array.of(2, 2), Uint8Array.of(3, 3, 3)] as const

/** Collects with these files in the operator's folder, and sees that nothing is left behind in the kernel's tree. */
async function collect(driver: TsmDriver, files: Record<string, Uint8Array> = {}) {
  const tree = createTsmTree(driver)
  const collateral = await mkdtemp(join(tmpdir(), 'teapot-collateral-'))
  try {
    for (const [name, content] of Object.entries(files)) await writeFile(join(collateral, name), content)
    return await createTsmCollector({ tree, collateral }).collect(reportData)
  } finally {
    await rm(collateral, { recursive: true })
    expect(tree.folders.size).toBe(0)
  }
}

/** A certificate table as SNP hosts make it. */
function table(parts: Record<string, Uint8Array>): Uint8Array {
  const entries = Object.entries(parts)
  const head = Buffer.alloc((entries.length + 1) * 24)
  let end = head.length
  entries.forEach(([guid, bytes], i) => {
    head.write(guid, i * 24, 'hex')
    head.writeUInt32LE(end, i * 24 + 16)
    head.writeUInt32LE(bytes.length, i * 24 + 20)
    end += bytes.length
  })
  return concatBytes(head, ...entries.map(([, bytes]) => bytes))
}

test('a TDX guest shows the quote with the report data, and the collateral that its operator keeps', async () => {
  const evidence = { kind: 'tdx', report: said(reportData, 0), collateral: other }
  expect(await collect(tdx, { 'tdx.json': other })).toEqual(evidence)
  await expect(collect(tdx)).rejects.toThrow('tdx.json')
  await expect(createTsmCollector({ tree: createTsmTree(tdx) }).collect(reportData)).rejects.toMatchObject(NO_REPORT)
})

test.each([VCEK, VLEK])(
  'an SNP guest, asked at the lowest level that it may, shows what its host hands out: %s',
  async (guid) => {
    const auxblob = table({ [ARK]: other, [guid]: leaf, [ASK]: issuer })
    const evidence = { kind: 'sev-snp', report: said(reportData, 2), collateral: encodeCbor([leaf, issuer, null]) }
    expect(await collect({ ...snp, privlevelFloor: 2, auxblob })).toEqual(evidence)
  },
)

test('an SNP guest whose host hands out nothing shows what its operator keeps, and without that is refused', async () => {
  const { collateral } = await collect(snp, { 'leaf.der': leaf, 'intermediate.der': issuer, 'crl.der': other })
  expect(collateral).toEqual(encodeCbor([leaf, issuer, other]))
  await expect(collect(snp)).rejects.toThrow('leaf.der')
  await expect(collect({ ...snp, auxblob: table({ [VCEK]: leaf }).slice(0, -1) })).rejects.toMatchObject(NO_REPORT)
})

test('any table of certificates gives parts of it, or is refused', () => {
  const lengths = (bytes: Uint8Array) => Object.values(parseCertificateTable(bytes)).map(({ length }) => length)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      try {
        expect(Math.max(0, ...lengths(bytes))).toBeLessThanOrEqual(bytes.length)
      } catch (error) {
        expect((error as Error).message).toContain('certificate table')
      }
    }),
  )
})

test('a report that others wrote to meanwhile is asked for again', async () => {
  let times = 0
  const meanwhile: TsmDriver['meanwhile'] = (write) => times++ < 2 && write('inblob', randomBytes(64))
  expect((await collect({ ...tdx, meanwhile }, { 'tdx.json': other })).report).toEqual(said(reportData, 0))
  expect(times).toBe(3)
})

test.each(['EBUSY', 'EINTR', 'ETIMEDOUT'])(
  'a report that is not to be had now (%s) is asked for again',
  async (code) => {
    const refusals = [errno(code)]
    const report: TsmDriver['report'] = (...args) => {
      for (const refusal of refusals.splice(0)) throw refusal
      return said(...args)
    }
    await collect({ ...tdx, report }, { 'tdx.json': other })
    expect(refusals).toEqual([])
  },
)

const broken = (): never => {
  throw errno('EIO')
}
test.each<[string, Partial<TsmDriver>]>([
  ['that the driver refuses', { report: broken }],
  ['that is empty', { report: () => new Uint8Array() }],
  ['that others never leave alone', { meanwhile: (write) => write('inblob', randomBytes(64)) }],
  ['of a provider that we do not know', { provider: 'arm_cca_guest' }],
])('a report %s is refused', async (_, change) => {
  await expect(collect({ ...tdx, ...change }, { 'tdx.json': other })).rejects.toMatchObject(NO_REPORT)
})

test('the first collector that is there is asked, for 64 bytes and not once given up; where none is, nothing is shown', async () => {
  const of = (driver?: TsmDriver) => createTsmCollector({ tree: createTsmTree(driver) })
  const all = [of(tdx), of(snp), of({ ...tdx, provider: 'other' }), of(), createTsmCollector({ root: '/nowhere' })]
  expect(await Promise.all(all.map((one) => one.available()))).toEqual([true, true, false, false, false])
  expect(await collectTee([of()], reportData)).toBeUndefined()
  const ready = of({ ...snp, auxblob: table({ [VCEK]: leaf, [ASK]: issuer }) })
  expect(await collectTee([of(), ready, of(tdx)], reportData)).toMatchObject({ kind: 'sev-snp' })
  await expect(ready.collect(new Uint8Array(63))).rejects.toThrow(RangeError)
  await expect(ready.collect(reportData, AbortSignal.abort())).rejects.toThrow('aborted')
})
