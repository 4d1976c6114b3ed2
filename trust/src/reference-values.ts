import { type Digest, fromHex, type Hex } from './bytes.ts'
import { type CborValue, encodeCbor } from './cbor.ts'
import { shapeOf } from './cbor-shape.ts'
import { digestOf } from './digest.ts'
import { TEE_KINDS } from './evidence.ts'

/**
 * What machines and enclaves may be: canonical data whose digest stands on the ledger as the policy `reference-values`
 * (spec/boot.md §1). Several references of one kind are several valid releases. What is not named is refused.
 */
export interface ReferenceValuesDocument {
  v: 1
  /** By name, ascending. */
  boots: readonly BootReference[]
  /** By kind, then name, ascending. */
  tees: readonly TeeReference[]
}

/** One release of a box image: what its boot must have measured. Digests are SHA-256. */
export interface BootReference {
  name: string
  /** What PCR 0 may be: the firmware releases of the platforms that it may run on, ascending; at least one. */
  firmware: readonly Digest[]
  /** Authenticode digest of the unified kernel image: PCR 4. */
  ukiSha256: Digest
  /** Authenticode digest of the kernel within it, which PCR 4 holds next; null only where Secure Boot has that left out. */
  kernelSha256: Digest | null
  /** What the image's sections extend PCR 11 to. */
  pcr11: Digest
  /** The kernel's command line, as the image holds it. */
  commandLine: string
  /** dm-verity root hash, 32 bytes; null: no read-only root, and so never `measured`. */
  rootHash: Hex | null
  /** `any` says that no claim is made of Secure Boot. */
  secureBoot: 'required' | 'any'
  /** The digests of all files that IMA may have measured, ascending; at least one. */
  ima: readonly Digest[]
}

/** How Intel calls the state of a platform; `Revoked` is never accepted. */
export const TDX_TCB = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
] as const

/** A TDX domain's measurements (SHA-384). */
export interface TdxReference {
  kind: 'tdx'
  name: string
  mrtd: Hex
  /** All four. */
  rtmr: readonly Hex[]
  /** The states that are accepted; at least one. */
  tcb: readonly (typeof TDX_TCB)[number][]
}

/** An SEV-SNP guest's measurement (SHA-384). */
export interface SnpReference {
  kind: 'sev-snp'
  name: string
  measurement: Hex
  /** 32 bytes; null: all zero. */
  hostData: Hex | null
  /** The least security version of each part; 0 where a processor has no such part. */
  minimumTcb: { bootloader: number; tee: number; snp: number; microcode: number; fmc: number }
  vmpl: number
}

/** A Nitro enclave's PCRs 0 to 2 (SHA-384). */
export interface NitroReference {
  kind: 'nitro'
  name: string
  pcr0: Hex
  pcr1: Hex
  pcr2: Hex
}

export type TeeReference = TdxReference | SnpReference | NitroReference

const shape = shapeOf('reference-values/malformed', 'reference values')

/**
 * The canonical bytes: references, digests and states in ascending order.
 * @throws TeapotError `reference-values/malformed` for what {@link parseReferenceValues} would refuse
 */
export function encodeReferenceValues(document: ReferenceValuesDocument): Uint8Array {
  const bytes = encodeCbor(DOCUMENT.write(document))
  parseReferenceValues(bytes)
  return bytes
}

/**
 * Reads reference values. Nothing may be left out and nothing stands for "any".
 * @throws TeapotError `reference-values/malformed` for unknown or missing fields, a digest of another size, an empty text or list
 * within a reference, no kernel without Secure Boot, a name twice, or another order than the canonical one
 */
export function parseReferenceValues(bytes: Uint8Array): ReferenceValuesDocument {
  return DOCUMENT.read(shape.decode(bytes), 'reference values')
}

/** SHA-256 of the canonical bytes: what the ledger's entry of kind policy holds. */
export function referenceValuesDigest(document: ReferenceValuesDocument): Digest {
  return digestOf(encodeReferenceValues(document))
}

/** One field, both ways. */
interface Codec<T> {
  read(value: CborValue | undefined, name: string): T
  write(value: T): CborValue
}

const hex = (length: number): Codec<Hex> => ({
  read: (value, name) => shape.hex(value, name, length),
  write: fromHex,
})
const orNull = <T>(codec: Codec<T>): Codec<T | null> => ({
  read: (value, name) => (value === null ? null : codec.read(value, name)),
  write: (value) => (value === null ? null : codec.write(value)),
})
const plain = <T extends CborValue>(read: Codec<T>['read']): Codec<T> => ({ read, write: (value) => value })
const oneOf = <T extends string | number>(...of: readonly T[]): Codec<T> =>
  plain((value, name) => of.find((item) => item === value) ?? shape.refuse(name, of.join(' or '), 'another'))
const upTo = (limit: number): Codec<number> =>
  plain((value, name) => {
    const number = shape.uint(value, name)
    return number <= limit ? number : shape.refuse(name, `at most ${limit}`, `${number}`)
  })
const text = plain((value, name) => shape.text(value, name) || shape.refuse(name, 'a text', 'an empty one'))
const four = <T>(item: Codec<T>): Codec<readonly T[]> => ({
  read: (value, name) => shape.array(value, name, 4).map((each) => item.read(each, name)),
  write: (value) => value.map(item.write),
})
/** A list that ascends by a key of its items, at least `least` of them. */
const sorted = <T>(item: Codec<T>, least: number, key: (item: T) => string): Codec<readonly T[]> => ({
  read(value, name) {
    const items = shape.array(value, name).map((each) => item.read(each, name))
    if (items.length < least) shape.refuse(name, `at least ${least}`, 'none')
    const misplaced = items.find((each, i) => i > 0 && key(items[i - 1]!) >= key(each))
    if (misplaced !== undefined) shape.refuse(name, 'ascending order without repeats', key(misplaced).slice(0, 40))
    return items
  },
  write: (value) => [...value].sort((a, b) => (key(a) < key(b) ? -1 : 1)).map(item.write),
})
const record = <T extends object>(fields: { [K in keyof T]-?: Codec<T[K]> }): Codec<T> => {
  const keys = Object.keys(fields) as (keyof T & string)[]
  return {
    read(value, name) {
      const map = shape.map(value, name, keys)
      return Object.fromEntries(keys.map((key) => [key, fields[key].read(map.get(key), key)])) as T
    },
    write: (value) => Object.fromEntries(keys.map((key) => [key, fields[key].write(value[key])])),
  }
}

const BOOT_FIELDS = record<BootReference>({
  name: text,
  firmware: sorted(hex(32), 1, String),
  ukiSha256: hex(32),
  kernelSha256: orNull(hex(32)),
  pcr11: hex(32),
  commandLine: text,
  rootHash: orNull(hex(32)),
  secureBoot: oneOf('required', 'any'),
  ima: sorted(hex(32), 1, String),
})
const BOOT: Codec<BootReference> = {
  ...BOOT_FIELDS,
  read(value, name) {
    const boot = BOOT_FIELDS.read(value, name)
    const complete = boot.kernelSha256 || boot.secureBoot === 'required'
    return complete ? boot : shape.refuse('kernelSha256', 'a digest where Secure Boot is not required', 'null')
  },
}
const TEES: { [K in TeeReference['kind']]: Codec<Extract<TeeReference, { kind: K }>> } = {
  tdx: record<TdxReference>({
    kind: oneOf('tdx'),
    name: text,
    mrtd: hex(48),
    rtmr: four(hex(48)),
    tcb: sorted(oneOf(...TDX_TCB), 1, String),
  }),
  'sev-snp': record<SnpReference>({
    kind: oneOf('sev-snp'),
    name: text,
    measurement: hex(48),
    hostData: orNull(hex(32)),
    minimumTcb: record({ bootloader: upTo(255), tee: upTo(255), snp: upTo(255), microcode: upTo(255), fmc: upTo(255) }),
    vmpl: upTo(3),
  }),
  nitro: record<NitroReference>({ kind: oneOf('nitro'), name: text, pcr0: hex(48), pcr1: hex(48), pcr2: hex(48) }),
}
const TEE: Codec<TeeReference> = {
  read: (value, name) =>
    TEES[shape.oneOf((value as Map<string, CborValue>)?.get?.('kind'), 'kind', TEE_KINDS)].read(value, name),
  write: (value) => (TEES[value.kind] as Codec<TeeReference>).write(value),
}
const DOCUMENT = record<ReferenceValuesDocument>({
  v: oneOf(1),
  boots: sorted(BOOT, 0, ({ name }) => name),
  tees: sorted(TEE, 0, ({ kind, name }) => `${kind} ${name}`),
})
