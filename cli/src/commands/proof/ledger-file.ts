import { type EpochRecord, type LedgerFacts, TeapotError } from '@teapot-network/trust'

type Read = Record<string, unknown>

const isObject = (value: unknown): value is Read => typeof value === 'object' && value !== null
const areObjects = (value: unknown): value is Read[] => Array.isArray(value) && value.every(isObject)

/** What `teapot ledger facts` wrote. It is the caller's own word: only its form is looked at. @throws TeapotError `cli/ledger-malformed` */
export function parseLedger(file: string, bytes: Uint8Array): { facts: LedgerFacts; epochs: EpochRecord[] } {
  let read: unknown
  try {
    read = JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw malformed(file, (cause as Error).message, cause)
  }
  const { facts, epochs = [] } = isObject(read) ? read : {}
  if (!isObject(facts)) throw malformed(file, 'no facts')
  const missing = ['block', 'epoch'].find((key) => !isObject(facts[key]))
  const listless = ['entries', 'nodes', 'referenceValues'].find((key) => !areObjects(facts[key]))
  if (missing ?? listless) throw malformed(file, `facts without ${missing ?? listless}`)
  if (!areObjects(epochs) || !epochs.every(({ closedAt }) => isObject(closedAt))) {
    throw malformed(file, 'epochs that are none')
  }
  return { facts: facts as unknown as LedgerFacts, epochs: epochs as unknown as EpochRecord[] }
}

function malformed(file: string, found: string, cause?: unknown): TeapotError {
  return new TeapotError(
    'cli/ledger-malformed',
    `Cannot read ${file}: expected JSON of facts and epochs, found ${found}; write it anew: teapot ledger facts --out ${file}`,
    { cause },
  )
}
