import type { ProviderError } from './provider-face.ts'

/** The cases of variant `wasi:http/types.error-code` that the host gives itself; guests may give any. */
export type ErrorCode =
  | { readonly tag: 'HTTP-request-denied' | 'HTTP-request-URI-invalid' | 'HTTP-protocol-error' }
  | { readonly tag: 'destination-IP-prohibited' | 'destination-unavailable' | 'HTTP-response-timeout' }
  | { readonly tag: 'HTTP-request-body-size' | 'HTTP-response-body-size'; readonly val: bigint | undefined }
  | { readonly tag: 'internal-error'; readonly val: string | undefined }

const CODES: Readonly<Record<string, ErrorCode>> = {
  'host/capability-denied': { tag: 'HTTP-request-denied' },
  'host/payload-too-large': { tag: 'HTTP-request-body-size', val: undefined },
  'provider/not-allowed': { tag: 'HTTP-request-denied' },
  'provider/address-refused': { tag: 'destination-IP-prohibited' },
  'provider/bad-url': { tag: 'HTTP-request-URI-invalid' },
  'provider/deadline': { tag: 'HTTP-response-timeout' },
  'provider/payload-too-large': { tag: 'HTTP-request-body-size', val: undefined },
  'provider/response-too-large': { tag: 'HTTP-response-body-size', val: undefined },
  'provider/unreachable': { tag: 'destination-unavailable' },
}

/** What a refusal of the HTTP client is called in `wasi:http`. */
export function toErrorCode({ code, text }: ProviderError): ErrorCode {
  return CODES[code] ?? { tag: 'internal-error', val: text }
}
