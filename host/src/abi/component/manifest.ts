import { GuestFault } from '../guest-fault.ts'
import type { Signatures } from './json-values.ts'

/** What a bundle tells of its component, as JSON in the part {@link MANIFEST_PART}. The transpiler has checked all of it. */
export interface ComponentManifest {
  /** Top-level imports with their versions. */
  readonly imports: readonly string[]
  /** Exported interfaces with their versions. */
  readonly exports: readonly string[]
  /** How functions are called, where no exported interface is one that the host calls. */
  readonly signatures?: Signatures
}

/** Names of a bundle's parts; core modules have the names that the script asks for. */
export const SCRIPT_PART = 'component.js'
export const MANIFEST_PART = 'component.json'

/** @throws GuestFault `bad-module` for anything but a manifest */
export function parseManifest(bytes: Uint8Array): ComponentManifest {
  const { imports, exports, signatures } = read(bytes)
  if (!isTexts(imports) || !isTexts(exports))
    throw new GuestFault('bad-module', 'Expected lists of imports and exports in a component bundle, found none')
  return { imports, exports, ...(signatures === undefined ? {} : { signatures: signatures as Signatures }) }
}

function read(bytes: Uint8Array): Partial<Record<keyof ComponentManifest, unknown>> {
  try {
    const manifest: unknown = JSON.parse(Buffer.from(bytes).toString())
    return typeof manifest === 'object' && manifest !== null ? manifest : {}
  } catch {
    return {}
  }
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')
