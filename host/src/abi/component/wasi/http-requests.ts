import { refuse } from '../refusal.ts'
import { Resource } from '../resource.ts'
import type { World } from '../world.ts'
import type { BodyTerms } from './http-bodies.ts'
import { type Field, isToken } from './http-fields.ts'
import { IncomingMessage, OutgoingMessage } from './http-messages.ts'

/** variant method { get, head, post, put, delete, connect, options, trace, patch, other(string) } */
export type Method = { readonly tag: string; readonly val?: string }

/** variant scheme { HTTP, HTTPS, other(string) } */
export type Scheme = { readonly tag: 'HTTP' | 'HTTPS' | 'other'; readonly val?: string }

const METHODS = ['get', 'head', 'post', 'put', 'delete', 'connect', 'options', 'trace', 'patch']
/** RFC 3986 §3.1, §3.2 without user information, and what follows; visible ASCII, and nothing that ends one part and begins another. */
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*$/
const AUTHORITY = /^(?:[A-Za-z0-9._~%!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/
const PATH = /^[/?][!-"$-~]*$/

/** Whether a text is a path and perhaps a query, in visible ASCII. */
export const isPathWithQuery = (text: string): boolean => PATH.test(text)

/** Whether a text is a host, and perhaps a port. */
export const isAuthority = (text: string): boolean => AUTHORITY.test(text)

/** A method by the name that it has in HTTP, which is in capitals and case-sensitive (RFC 9110 §9.1). */
export function toMethod(name: string): Method {
  const tag = name.toLowerCase()
  return METHODS.includes(tag) && tag.toUpperCase() === name ? { tag } : { tag: 'other', val: name }
}

/** What an incoming request is made of. */
export interface RequestParts {
  readonly method: string
  readonly pathWithQuery: string
  /** None when the request did not say. */
  readonly authority: string | undefined
  readonly fields: readonly Field[]
  readonly body: Uint8Array
}

/** `wasi:http/types.incoming-request`. */
export class IncomingRequest extends IncomingMessage {
  readonly #parts: RequestParts

  constructor(world: World, parts: RequestParts) {
    super(world, parts.fields, parts.body)
    this.#parts = parts
  }

  // method: func() -> method
  method(): Method {
    this.world.charge()
    return toMethod(this.#parts.method)
  }

  // path-with-query: func() -> option<string>
  pathWithQuery(): string {
    this.world.charge(this.#parts.pathWithQuery.length)
    return this.#parts.pathWithQuery
  }

  // scheme: func() -> option<scheme>; told with an authority alone, since neither makes a URL without the other
  scheme(): Scheme | undefined {
    this.world.charge()
    return this.#parts.authority === undefined ? undefined : { tag: 'HTTP' }
  }

  // authority: func() -> option<string>
  authority(): string | undefined {
    this.world.charge(this.#parts.authority?.length)
    return this.#parts.authority
  }
}

/** `wasi:http/types.outgoing-request`. */
export class OutgoingRequest extends OutgoingMessage {
  #method: Method = { tag: 'get' }
  #path: string | undefined
  #scheme: Scheme | undefined
  #authority: string | undefined
  #onBody: ((bytes: Uint8Array | undefined) => void) | undefined

  // method: func() -> method
  method(): Method {
    this.world.charge()
    return this.#method
  }

  // set-method: func(method: method) -> result
  setMethod(method: Method): void {
    this.world.charge(method.val?.length)
    if (method.tag === 'other' && !isToken(method.val!)) refuse(undefined)
    this.#method = method
  }

  // path-with-query: func() -> option<string>
  pathWithQuery(): string | undefined {
    this.world.charge(this.#path?.length)
    return this.#path
  }

  // set-path-with-query: func(path-with-query: option<string>) -> result
  setPathWithQuery(path: string | undefined): void {
    this.world.charge(path?.length)
    if (path !== undefined && path !== '' && !isPathWithQuery(path)) refuse(undefined)
    this.#path = path
  }

  // scheme: func() -> option<scheme>
  scheme(): Scheme | undefined {
    this.world.charge()
    return this.#scheme
  }

  // set-scheme: func(scheme: option<scheme>) -> result
  setScheme(scheme: Scheme | undefined): void {
    this.world.charge(scheme?.val?.length)
    if (scheme?.tag === 'other' && !SCHEME.test(scheme.val!)) refuse(undefined)
    this.#scheme = scheme
  }

  // authority: func() -> option<string>
  authority(): string | undefined {
    this.world.charge(this.#authority?.length)
    return this.#authority
  }

  // set-authority: func(authority: option<string>) -> result
  setAuthority(authority: string | undefined): void {
    this.world.charge(authority?.length)
    if (authority !== undefined && !isAuthority(authority)) refuse(undefined)
    this.#authority = authority
  }

  /** What is asked, as HTTP has it; no URL without an authority. */
  get target(): { method: string; url: string | undefined; headers: readonly Field[] } {
    const { tag, val } = this.#method
    const scheme = this.#scheme?.val ?? this.#scheme?.tag.toLowerCase() ?? 'https'
    const path = this.#path?.replace(/^\?/, '/?') || '/'
    const url = this.#authority === undefined ? undefined : `${scheme}://${this.#authority}${path}`
    return { method: tag === 'other' ? val! : tag.toUpperCase(), url, headers: this.fields }
  }

  /** Tells the whole body once it is there, at once where there is none to wait for; `undefined` when it never will be. */
  whenWhole(then: (bytes: Uint8Array | undefined) => void): void {
    if (this.written === undefined) then(new Uint8Array(0))
    else if (this.written.whole !== undefined) then(this.written.whole)
    else this.#onBody = then
  }

  protected override terms(): Omit<BodyTerms, 'length'> {
    return {
      limitBytes: this.world.surroundings.limits.payloadBytes,
      wrongLength: 'HTTP-request-body-size',
      onFinish: (bytes) => this.#onBody?.(bytes),
      onDrop: () => this.#onBody?.(undefined),
    }
  }
}

/** Nanoseconds. */
type Duration = bigint

/** `wasi:http/types.request-options`. */
export class RequestOptions extends Resource {
  #connect: Duration | undefined
  #firstByte: Duration | undefined
  #betweenBytes: Duration | undefined

  // constructor()
  constructor(world: World) {
    super(world)
    world.charge()
  }

  // connect-timeout: func() -> option<duration>
  connectTimeout(): Duration | undefined {
    this.world.charge()
    return this.#connect
  }

  // set-connect-timeout: func(duration: option<duration>) -> result
  setConnectTimeout(duration: Duration | undefined): void {
    this.world.charge()
    this.#connect = duration
  }

  // first-byte-timeout: func() -> option<duration>
  firstByteTimeout(): Duration | undefined {
    this.world.charge()
    return this.#firstByte
  }

  // set-first-byte-timeout: func(duration: option<duration>) -> result
  setFirstByteTimeout(duration: Duration | undefined): void {
    this.world.charge()
    this.#firstByte = duration
  }

  // between-bytes-timeout: func() -> option<duration>
  betweenBytesTimeout(): Duration | undefined {
    this.world.charge()
    return this.#betweenBytes
  }

  // set-between-bytes-timeout: func(duration: option<duration>) -> result
  setBetweenBytesTimeout(duration: Duration | undefined): void {
    this.world.charge()
    this.#betweenBytes = duration
  }

  /** One limit for all of it, since an answer comes whole: the sum, when the first byte has one. */
  get timeoutMs(): number | undefined {
    if (this.#firstByte === undefined) return undefined
    const sum = this.#firstByte + (this.#connect ?? 0n) + (this.#betweenBytes ?? 0n)
    return Math.min(Number((sum + 999_999n) / 1_000_000n), 0x7fff_ffff)
  }
}
