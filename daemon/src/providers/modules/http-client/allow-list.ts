import { ProviderRefusal } from '../../provider.ts'
import { commaSeparated } from '../network/address-list.ts'

/** Whether a URL may be asked. */
export type AllowList = (url: URL) => boolean

const ENTRY = /^(?:(https?):\/\/)?(\*|(?:\*\.)?[^\s/*:@?#[\]]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?$/i

/**
 * Reads a binding's setting `allow`: origins and host patterns, parted by commas. `https://api.example.com` is that origin;
 * `api.example.com` the same; `*.example.com` any name below it; `*` any name; `http://…` and `:8443` only as written. An
 * empty list allows nothing.
 * @throws ProviderRefusal `provider/bad-settings`
 */
export function parseAllowList(setting: string | undefined): AllowList {
  const tests = commaSeparated(setting).map(parseEntry)
  return (url) => tests.some((test) => test(url))
}

function parseEntry(entry: string): AllowList {
  const [, scheme = 'https', pattern = '', port = ''] = ENTRY.exec(entry) ?? []
  const anything = pattern === '*'
  const below = pattern.startsWith('*.')
  // The URL parser puts a host into the one form in which it will be met.
  const name = anything ? 'any.invalid' : below ? pattern.slice(2) : pattern
  const origin = pattern === '' ? null : URL.parse(`${scheme.toLowerCase()}://${name}${port && `:${port}`}`)
  if (origin === null)
    throw new ProviderRefusal(
      'provider/bad-settings',
      `Expected an origin or a host such as https://api.example.com or *.example.com in the setting allow, found ${JSON.stringify(entry.slice(0, 80))}`,
    )
  return (url) => {
    if (url.protocol !== origin.protocol || url.port !== origin.port) return false
    if (anything) return true
    return below ? url.hostname.endsWith(`.${origin.hostname}`) : url.hostname === origin.hostname
  }
}
