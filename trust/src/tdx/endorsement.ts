import { concatBytes, equalBytes, utf8 } from '../bytes.ts'
import { type ChainProblem, checkChain, type HeldChain } from '../certificate-chain.ts'
import { crlProblem, isRevoked, parseCrl, type RevocationList } from '../crl.ts'
import { digestOf } from '../digest.ts'
import { verifyEs256 } from '../es256.ts'
import { createMemo } from '../memo.ts'
import { TeapotError } from '../teapot-error.ts'
import type { Certificate } from '../x509.ts'
import {
  type Collateral,
  hexBytes,
  parseQeIdentity,
  parseTcbInfo,
  type QeIdentity,
  type TcbInfo,
} from './collateral.ts'
import { commonName, type Platform, parsePemChain, parsePlatform } from './pck.ts'

/** A platform's key for which Intel's chain stands. */
interface Pck extends HeldChain {
  platform: Platform
  leaf: Certificate
  ca: Certificate
  /** Uncompressed point. */
  key: Uint8Array
}

/** What Intel says of a platform, each part checked for itself; all but time is judged. */
export interface Endorsement {
  pck: Pck | ChainProblem
  /** When the lists of the root and of the platform's CA hold, which revoke neither the CA nor the key. */
  unrevoked: HeldChain | ChainProblem
  tcbInfo: (TcbInfo & HeldChain) | ChainProblem
  qeIdentity: (QeIdentity & HeldChain) | ChainProblem
}

const PCK = [/^Intel SGX PCK Certificate$/, /^Intel SGX PCK (Platform|Processor) CA$/]
const TCB_SIGNER = /^Intel SGX TCB Signing$/
/** What Intel's TCB signer signs. */
type SignedText = 'tcb_info' | 'qe_identity'

/** Checks a PCK chain (PEM) and the collateral for it. */
export type Endorser = (pckChain: Uint8Array, collateral: Collateral) => Promise<Endorsement>

/** Checks up to `root`, and remembers each part by the texts that it follows from: platforms of a kind share all but their chains. */
export function createEndorser(root: Certificate): Endorser {
  const [lists, chains, revocations] = [memo<RevocationList>(), memo<Pck>(), memo<HeldChain>()]
  const [infos, identities] = [memo<TcbInfo & HeldChain>(), memo<QeIdentity & HeldChain>()]
  return async (pckChain, said) => {
    const pem = new TextDecoder().decode(pckChain)
    const digests = { pem, ...said }
    for (const [name, text] of Object.entries(digests)) digests[name as keyof typeof digests] = digestOf(utf8(text))
    const { pem: ofChain, root_ca_crl: ofRoot, pck_crl: ofCa } = digests
    const signedBy = (name: SignedText) =>
      [ofRoot, digests[name], digests[`${name}_signature`], digests[`${name}_issuer_chain`]].join()
    const rootList = await lists(ofRoot, () => attempt(() => holdList(said.root_ca_crl, root)))
    const pck = await chains(ofChain, () => attempt(() => holdPck(pem, root)))
    const revocation = () => attempt(() => holdUnrevoked(pck, rootList, said.pck_crl))
    const info = () => attempt(() => holdSigned(said, 'tcb_info', parseTcbInfo, rootList, root))
    const identity = () => attempt(() => holdSigned(said, 'qe_identity', parseQeIdentity, rootList, root))
    return {
      pck,
      unrevoked: await revocations([ofRoot, ofChain, ofCa].join(), revocation),
      tcbInfo: await infos(signedBy('tcb_info'), info),
      qeIdentity: await identities(signedBy('qe_identity'), identity),
    }
  }
}

const memo = <T>() => createMemo<Promise<T | ChainProblem>>()

/** A part, or what keeps it from being read or from holding. */
export async function attempt<T>(hold: () => T | ChainProblem | Promise<T | ChainProblem>): Promise<T | ChainProblem> {
  try {
    return await hold()
  } catch (error) {
    if (!(error instanceof TeapotError)) throw error
    return { expected: 'what can be read', found: error.message }
  }
}

async function holdPck(pem: string, root: Certificate): Promise<Pck | ChainProblem> {
  const chain = await holdChain(pem, PCK, root)
  if ('found' in chain) return chain
  const [leaf, ca] = chain.certificates as [Certificate, Certificate]
  const key = pointOf(leaf)
  return 'found' in key ? key : { ...chain, platform: parsePlatform(leaf), leaf, ca, key }
}

/** The chain of certificates so named, which its root follows. */
async function holdChain(
  pem: string,
  names: readonly RegExp[],
  root: Certificate,
): Promise<(HeldChain & { certificates: Certificate[] }) | ChainProblem> {
  const chain = parsePemChain(pem)
  const last = chain.pop()
  const isRoot = last && equalBytes(last.tbs, root.tbs) && equalBytes(last.signature.value, root.signature.value)
  if (!isRoot) return { expected: 'a chain that ends with the Intel SGX Root CA', found: 'another' }
  const found = chain.map(({ subject }) => commonName(subject))
  const isNamed = found.length === names.length && names.every((name, i) => name.test(found[i] ?? ''))
  if (!isNamed) return { expected: `certificates of ${names.map(String)}`, found: found.join() || 'none' }
  const held = await checkChain(chain, [root])
  return 'found' in held ? held : { ...held, certificates: chain }
}

async function holdList(hex: string, issuer: Certificate): Promise<RevocationList | ChainProblem> {
  const list = parseCrl(hexBytes(hex, 'revocation list'))
  return (await crlProblem(list, issuer)) ?? list
}

async function holdUnrevoked(
  pck: Pck | ChainProblem,
  rootList: RevocationList | ChainProblem,
  pckCrl: string,
): Promise<HeldChain | ChainProblem> {
  if ('found' in rootList) return { ...rootList, expected: `of the root: ${rootList.expected}` }
  if ('found' in pck) return { expected: "the list of the platform's CA", found: 'no CA that could sign it' }
  const pckList = await holdList(pckCrl, pck.ca)
  if ('found' in pckList) return { ...pckList, expected: `of the platform's CA: ${pckList.expected}` }
  if (isRevoked(rootList, pck.ca)) return { expected: "a platform's CA that is not revoked", found: 'a revoked one' }
  if (isRevoked(pckList, pck.leaf)) return { expected: "a platform's key that is not revoked", found: 'a revoked one' }
  return narrow(rootList, pckList)
}

/** One of the texts that Intel's TCB signer signs, byte by byte as they stand. */
async function holdSigned<T extends { issueDate: number; nextUpdate: number }>(
  collateral: Collateral,
  name: SignedText,
  parse: (text: string) => T,
  rootList: RevocationList | ChainProblem,
  root: Certificate,
): Promise<(T & HeldChain) | ChainProblem> {
  const chain = await holdChain(collateral[`${name}_issuer_chain`], [TCB_SIGNER], root)
  if ('found' in chain) return chain
  const [signer] = chain.certificates as [Certificate]
  if ('found' in rootList) return { expected: "the root's list of what it revoked", found: 'none that holds' }
  if (isRevoked(rootList, signer)) return { expected: 'a signer that is not revoked', found: 'a revoked one' }
  const key = pointOf(signer)
  if ('found' in key) return key
  const signature = hexBytes(collateral[`${name}_signature`], `${name}_signature`, 64)
  const holds = await verifyEs256(key, utf8(collateral[name]), signature)
  if (!holds) return { expected: `Intel's signature on ${name}`, found: 'one that does not verify' }
  const said = parse(collateral[name])
  return { ...said, ...narrow({ notBefore: said.issueDate, notAfter: said.nextUpdate }, chain) }
}

function pointOf({ key }: Certificate): Uint8Array | ChainProblem {
  if (key.type === 'ec' && key.curve === 'P-256') return concatBytes(Uint8Array.of(4), key.x, key.y)
  return { expected: 'a P-256 key', found: 'another' }
}

/** When both hold. */
function narrow(a: HeldChain, b: HeldChain): HeldChain {
  return { notBefore: Math.max(a.notBefore, b.notBefore), notAfter: Math.min(a.notAfter, b.notAfter) }
}
