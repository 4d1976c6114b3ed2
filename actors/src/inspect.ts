import { createHash } from 'node:crypto'
import { type EmbeddedClaims, readClaims } from '@teapot-network/host'
import { ActorError } from './actor-error.ts'

/** What a module or component is, without running any of it. */
export interface Inspection {
  /** `wapc`, `wasi` (a command), `component`, or `none` that a node could run. */
  readonly abi: 'wapc' | 'wasi' | 'component' | 'none'
  /** `module.name` of a module's, interfaces of a component's. */
  readonly imports: readonly string[]
  readonly exports: readonly string[]
  /** Undefined when it carries none; a text when what it carries does not hold. */
  readonly claims: EmbeddedClaims | string | undefined
  readonly sizeBytes: number
  /** Of the bytes, `0x` and 64 hex digits. */
  readonly sha256: `0x${string}`
}

/**
 * Looks at an actor.
 * @throws ActorError when the bytes are neither a module nor a component
 */
export async function inspectActor(bytes: Uint8Array): Promise<Inspection> {
  const faces = isComponent(bytes) ? await facesOfComponent(bytes) : facesOfModule(bytes)
  return {
    ...faces,
    claims: claimsOf(bytes),
    sizeBytes: bytes.length,
    sha256: `0x${createHash('sha256').update(bytes).digest('hex')}`,
  }
}

/** A component has version 13 and layer 1 where a module has version 1 and layer 0 (Component Model, binary format). */
function isComponent(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 8)).equals(Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00]))
}

type Faces = Pick<Inspection, 'abi' | 'imports' | 'exports'>

function facesOfModule(bytes: Uint8Array): Faces {
  let module: WebAssembly.Module
  try {
    module = new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>)
  } catch (cause) {
    throw new ActorError(
      'actors/not-an-actor',
      `Cannot inspect: expected a module or a component, found: ${(cause as Error).message}`,
      {
        cause,
      },
    )
  }
  const exports = WebAssembly.Module.exports(module).map(({ name }) => name)
  const imports = WebAssembly.Module.imports(module).map((wanted) => `${wanted.module}.${wanted.name}`)
  const abi = exports.includes('__guest_call') ? 'wapc' : exports.includes('_start') ? 'wasi' : 'none'
  return { abi, imports, exports }
}

async function facesOfComponent(bytes: Uint8Array): Promise<Faces> {
  const { componentWit } = await import('@bytecodealliance/jco-transpile/wasm-tools')
  let wit: string
  try {
    wit = await componentWit(bytes)
  } catch (cause) {
    throw new ActorError('actors/not-an-actor', `Cannot inspect: expected a component, found: ${String(cause)}`, {
      cause,
    })
  }
  // The first world is the component's own; its items are one a line.
  const world = /\nworld [^{]*\{([^}]*)\}/.exec(`\n${wit}`)?.[1] ?? ''
  const items = (kind: string) =>
    world
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line.startsWith(`${kind} `))
      .map((line) => line.slice(kind.length + 1).replace(/;$/, ''))
  return { abi: 'component', imports: items('import'), exports: items('export') }
}

function claimsOf(bytes: Uint8Array): EmbeddedClaims | string | undefined {
  try {
    return readClaims(bytes, Date.now() / 1000)
  } catch (error) {
    return (error as Error).message
  }
}
