import { TeapotError } from '@teapot-network/trust'
import type { CID } from 'multiformats/cid'
import { parseCid } from './cid.ts'

/** What a gateway URL asks for. */
export interface GatewayPath {
  root: CID
  /** Names below the root, decoded. */
  names: string[]
  /** Whether the path ends in a slash, as that of a directory should. */
  asDirectory: boolean
  /** Value of `?format=`. */
  format: string | undefined
}

/**
 * Reads the target of a request: `/ipfs/<cid>[/<name>…][/][?format=…]` (IPFS path gateway and trustless gateway specifications).
 * Dots are names like any other: they lead nowhere, since no UnixFS directory of ours holds them.
 * @throws TeapotError `content/not-found` outside `/ipfs/`, `content/bad-cid`, `content/bad-path`
 */
export function parseGatewayPath(target: string): GatewayPath {
  const [path, query] = cut(target, '?')
  if (!path.startsWith('/ipfs/')) {
    throw new TeapotError('content/not-found', 'Cannot serve this path: expected /ipfs/<cid>, found another')
  }
  const [first = '', ...rest] = path.slice('/ipfs/'.length).split('/')
  const root = parseCid(first)
  const asDirectory = rest.at(-1) === ''
  const names = (asDirectory ? rest.slice(0, -1) : rest).map(decodeName)
  return { root, names, asDirectory, format: new URLSearchParams(query).get('format') ?? undefined }
}

/** The path of a directory, ending in a slash so that relative links in its page work. */
export function directoryPath({ root, names }: GatewayPath): string {
  return `/${['ipfs', root.toString(), ...names.map(encodeURIComponent)].join('/')}/`
}

function decodeName(part: string): string {
  let name: string
  try {
    name = decodeURIComponent(part)
  } catch (cause) {
    throw badName(part, cause)
  }
  if (name === '' || name.includes('/') || name.includes('\\') || name.includes('\0')) throw badName(part)
  return name
}

function badName(part: string, cause?: unknown): TeapotError {
  const message = `Cannot read path: expected percent-encoded names between single slashes, found ${JSON.stringify(part.slice(0, 80))}`
  return new TeapotError('content/bad-path', message, { cause })
}

function cut(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
