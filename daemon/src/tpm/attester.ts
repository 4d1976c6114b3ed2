import {
  bootOf,
  type Digest,
  digestOf,
  type EvidenceType,
  ekDigest,
  fromHex,
  type Hex,
  type NodeId,
} from '@teapot-network/trust'
import { activate } from './activation.ts'
import { loadAk } from './ak.ts'
import { noCertificate, readEkCertificates } from './certificate.ts'
import type { SealedCredential } from './commands/keys.ts'
import { PROPERTY, readClock, readProperty } from './commands/state.ts'
import type { TpmConnection } from './connection.ts'
import { raiseLogNumber, readLogNumber } from './log-number.ts'
import { OUR_PCRS, type Quote, quotePcrs } from './pcrs.ts'
import type { Tpm } from './tpm.ts'
import { u32 } from './wire.ts'

/** The Attester's side of a TPM: who it is, and what it says of the machine. Every method may throw what {@link Tpm.connect} does. */
export interface Attester {
  /** SHA-256 of the AK's Name. */
  readonly node: NodeId
  /** TPMT_PUBLIC of the AK. */
  readonly ak: Uint8Array
  /** DER: the EK certificate, then its issuers as far as the TPM holds them. */
  readonly ek: Uint8Array[]
  /** SHA-256 of the EK, as its certificate holds it: what the ledger knows it by. */
  readonly ekDigest: Digest
  /** The maker's four letters, e.g. `IFX`. */
  readonly manufacturer: string
  /** `tpm-simulated` when the TPM itself says that it is software. */
  readonly type: EvidenceType
  /** The TPM's reset and restart counts: name this boot. */
  readonly boot: number
  /**
   * Signs 32 bytes and PCRs: R and C, or the policy's, ascending.
   * @throws TeapotError `tpm/pcrs-in-motion` when they keep changing
   */
  quote(qualifyingData: Digest, pcrs?: readonly number[], signal?: AbortSignal): Promise<Quote>
  /**
   * Opens a credential made for this EK and AK.
   * @throws TeapotError `tpm/credential-refused` when it was made for others, or altered
   */
  activate(credential: SealedCredential, signal?: AbortSignal): Promise<Uint8Array>
  /** The receipt log's number: an NV counter, made at first use. */
  logNumber(signal?: AbortSignal): Promise<number>
  /** Raises {@link logNumber} for good and gives the new one. */
  raiseLogNumber(signal?: AbortSignal): Promise<number>
}

/**
 * Reads who this TPM is.
 * @param issuers DER: of the EK certificate, for a TPM that does not hold them itself
 * @throws TeapotError `tpm/no-ek-certificate`, `tpm/unexpected-ak`
 */
export async function createAttester(
  tpm: Tpm,
  signal?: AbortSignal,
  issuers: readonly Uint8Array[] = [],
): Promise<Attester> {
  const connection = await tpm.connect(signal)
  const { public: ak, name } = await loadAk(connection, signal)
  const { kind, chain } = await readEkCertificates(connection, issuers, signal)
  const maker = await readMaker(connection, signal)
  const ek = ekDigest(chain[0])
  if (!ek) throw noCertificate('that Verifiers take (spec/trust-model.md §2.3)', 'another')

  return {
    node: digestOf(name) as Hex as NodeId,
    ak,
    ek: chain,
    ekDigest: ek,
    manufacturer: maker.name,
    type: maker.software ? 'tpm-simulated' : 'tpm',
    boot: bootOf(await readClock(connection, signal)),
    quote: async (qualifyingData, pcrs = OUR_PCRS, signal) => {
      const connection = await tpm.connect(signal)
      const key = await loadAk(connection, signal)
      return quotePcrs(connection, key, fromHex(qualifyingData), pcrs, signal)
    },
    activate: async (credential, signal) => {
      const connection = await tpm.connect(signal)
      return activate(connection, await loadAk(connection, signal), kind, credential, signal)
    },
    logNumber: async (signal) => readLogNumber(await tpm.connect(signal), signal),
    raiseLogNumber: async (signal) => raiseLogNumber(await tpm.connect(signal), signal),
  }
}

/** libtpms calls itself `IBM` with vendor string `SW`, the reference simulator `MSFT` and `XCG`. */
async function readMaker(tpm: TpmConnection, signal?: AbortSignal): Promise<{ name: string; software: boolean }> {
  const name = letters(await readProperty(tpm, PROPERTY.manufacturer, signal))
  const vendor = letters(await readProperty(tpm, PROPERTY.vendorString1, signal))
  return { name, software: vendor === 'SW' || vendor.startsWith('xCG') }
}

function letters(value: number): string {
  return String.fromCharCode(...u32(value)).replace(/[\0 ]+$/, '')
}
