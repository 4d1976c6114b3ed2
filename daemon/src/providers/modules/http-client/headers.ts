import { ProviderRefusal } from '../../provider.ts'

/** A header as it is sent or came: several may have one name. */
export type Header = readonly [name: string, value: Uint8Array]

const MAX_HEADERS = 100
const MAX_HEADER_BYTES = 16 << 10
/** Ours to set, or of one connection alone (RFC 9110 §7.6.1). */
const OURS = new Set(
  'connection content-length expect host keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding upgrade'.split(
    ' ',
  ),
)
/** What may follow a redirect to another origin: nothing that could be a credential. */
const HARMLESS = new Set(['accept', 'accept-language', 'content-type', 'user-agent'])

/** What an actor may send of its headers, in node:http's raw form. @throws ProviderRefusal `provider/malformed-payload` */
export function headersToSend(headers: readonly Header[]): Header[] {
  const size = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  if (headers.length > MAX_HEADERS || size > MAX_HEADER_BYTES)
    throw new ProviderRefusal(
      'provider/malformed-payload',
      `Expected at most ${MAX_HEADERS} headers of ${MAX_HEADER_BYTES} bytes in all, found ${headers.length} of ${size}`,
    )
  return headers.filter(([name]) => !OURS.has(name.toLowerCase()))
}

/** What follows a redirect to another origin. */
export function withoutCredentials(headers: readonly Header[]): Header[] {
  return headers.filter(([name]) => HARMLESS.has(name.toLowerCase()))
}

/** Headers in which node:http gives and takes them: names and values in turn, values in Latin-1. */
export function toRaw(headers: readonly Header[]): string[] {
  return headers.flatMap(([name, value]) => [name, Buffer.from(value).toString('latin1')])
}

/** The reverse of {@link toRaw}. */
export function fromRaw(raw: readonly string[]): Header[] {
  const headers: Header[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) headers.push([raw[i]!, Buffer.from(raw[i + 1]!, 'latin1')])
  return headers
}
