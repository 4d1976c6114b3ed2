import { Errno, Refused } from '../../wasi/errno.ts'
import type { DirectoryNode, ScratchNode } from '../../wasi/scratch-tree.ts'
import { Refusal, refuse } from '../refusal.ts'
import { Resource } from '../resource.ts'
import type { World } from '../world.ts'
import { type Datetime, fromDatetime, toDatetime } from './clocks.ts'
import { IoError } from './streams.ts'

/** enum error-code of `wasi:filesystem/types`, by the numbers that preview 1 has for the same. */
const ERROR_CODES: Readonly<Partial<Record<Errno, string>>> = {
  [Errno.badf]: 'bad-descriptor',
  [Errno.exist]: 'exist',
  [Errno.fbig]: 'file-too-large',
  [Errno.ilseq]: 'illegal-byte-sequence',
  [Errno.inval]: 'invalid',
  [Errno.isdir]: 'is-directory',
  [Errno.loop]: 'loop',
  [Errno.nametoolong]: 'name-too-long',
  [Errno.noent]: 'no-entry',
  [Errno.nospc]: 'insufficient-space',
  [Errno.notcapable]: 'not-permitted',
  [Errno.notdir]: 'not-directory',
  [Errno.notempty]: 'not-empty',
  [Errno.perm]: 'not-permitted',
  [Errno.spipe]: 'invalid-seek',
}
/** enum descriptor-type */
const TYPES = { file: 'regular-file', directory: 'directory', link: 'symbolic-link' } as const

/** What stands behind an error of a file's stream. */
class FileError extends IoError {
  readonly code: string

  constructor(world: World, code: string) {
    super(world, `wasi:filesystem ${code}`)
    this.code = code
  }
}

/** The error code behind a stream's error, where a file is behind the stream. */
export function errorCodeOf(error: IoError): string | undefined {
  return error instanceof FileError ? error.code : undefined
}

/** Runs something on the scratch tree, and answers with what it refuses as an `error-code`. */
export function orErrorCode<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw error instanceof Refused ? new Refusal(ERROR_CODES[error.errno] ?? 'io') : error
  }
}

/** The same inside of a stream, as a `stream-error`. */
export function orStreamError<T>(world: World, run: () => T): T {
  try {
    return orErrorCode(run)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return refuse({ tag: 'last-operation-failed', val: new FileError(world, String(error.payload)) })
  }
}

/** enum descriptor-type */
export const typeOf = ({ kind }: ScratchNode): string => TYPES[kind]

/** record descriptor-stat */
export function statOf(node: ScratchNode) {
  const size = node.kind === 'file' ? node.size : node.kind === 'link' ? Buffer.byteLength(node.target) : 0
  return {
    type: typeOf(node),
    linkCount: BigInt(node.links),
    size: BigInt(size),
    dataAccessTimestamp: toDatetime(node.accessed),
    dataModificationTimestamp: toDatetime(node.modified),
    statusChangeTimestamp: toDatetime(node.changed),
  }
}

/** variant new-timestamp { no-change, now, timestamp(datetime) } */
export interface NewTimestamp {
  readonly tag: 'no-change' | 'now' | 'timestamp'
  readonly val?: Datetime
}

/** What a tree takes for it. */
export function timeOf({ tag, val }: NewTimestamp): bigint | 'now' | undefined {
  return tag === 'timestamp' ? fromDatetime(val!) : tag === 'now' ? 'now' : undefined
}

/** `wasi:filesystem/types.directory-entry-stream`: what was there when it was made. */
export class DirectoryEntryStream extends Resource {
  readonly #entries: Iterator<[string, { readonly node: ScratchNode }]>

  constructor(world: World, directory: DirectoryNode) {
    super(world)
    world.charge(directory.entries.size)
    this.#entries = [...directory.entries].values()
  }

  // read-directory-entry: func() -> result<option<directory-entry>, error-code>
  readDirectoryEntry(): { type: string; name: string } | undefined {
    this.world.charge()
    const { value, done } = this.#entries.next()
    return done ? undefined : { type: typeOf(value[1].node), name: value[0] }
  }
}
