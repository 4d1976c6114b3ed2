import { createNitroAppraiser, parseNitroDocument } from '../src/nitro/index.ts'
import { type Part, type Region, region, type Span, toldId } from './parts.ts'
import { readGenuine } from './samples.ts'

/** What refuses a document a minute after `genuine` was made, where the PCRs and user data of that are those expected. */
export function nitroAppraisalOf(genuine: Uint8Array): (report: Uint8Array) => Promise<string | undefined> {
  const { pcrs, userData, timestamp } = parseNitroDocument(genuine)
  const release = { name: 'sample', pcr0: pcrs.get(0)!, pcr1: pcrs.get(1)!, pcr2: pcrs.get(2)! }
  const by = createNitroAppraiser({ v: 1, boots: [], tees: [{ kind: 'nitro', ...release }] })
  return async (report) => {
    const tee = { kind: by.kind, report, collateral: new Uint8Array() }
    const { enclave, reason } = await by.appraise(tee, userData, timestamp / 1000 + 60)
    const id = toldId([reason])
    return enclave === (id === undefined) ? id : `${id}, though an enclave: ${enclave}`
  }
}

/** Every byte of the documents. */
export function nitroParts(): Part[] {
  return ['base1', 'evervault-beta-debug'].map((name) => {
    const bytes = readGenuine(`tee/nitro/${name}.cose`)
    return {
      sample: `nitro/${name}`,
      part: 'document',
      bytes,
      regions: regionsOf(bytes),
      idOf: nitroAppraisalOf(bytes),
    }
  })
}

function regionsOf(document: Uint8Array): Region[] {
  const { chain, signature } = parseNitroDocument(document)
  const buffer = Buffer.from(document)
  const place = (part: Uint8Array): Span => {
    const from = buffer.indexOf(part)
    return [from, from + part.length]
  }
  const certificates = chain.map(place)
  const [from, to] = place(signature)
  const taken = [...certificates, [from, to] as const].sort(([a], [b]) => a - b)
  const rest = [...taken, [document.length] as const].map(([end], i): Span => [taken[i - 1]?.[1] ?? 0, end])
  const step = 57
  return [
    { name: 'certificates', spans: certificates, ids: /^tee\/chain$/, step },
    // A time is one for the chain too.
    { name: 'all that is signed besides', spans: rest, ids: /^tee\/(report|chain|signature)$/, step },
    region('signature', from, to, /^tee\/signature$/, step),
  ]
}
