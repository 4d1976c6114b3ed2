import { BlockList, isIP, isIPv6 } from 'node:net'
import { ProviderRefusal } from '../../provider.ts'

/** Addresses with their ports, as a test. */
export type AddressTest = (address: string, port: number) => boolean

/**
 * Reads a list of addresses: `10.0.0.0/8`, `192.168.1.7`, `127.0.0.1:8080`, `fd00::/8`, `[::1]:8080`. Without a port an entry
 * holds for all ports.
 * @throws ProviderRefusal `provider/bad-settings`
 */
export function parseAddressList(entries: readonly string[]): AddressTest {
  const tests = entries.map(parseEntry)
  return (address, port) => tests.some((test) => test(address, port))
}

/** Parts a setting at its commas. */
export function commaSeparated(setting = ''): string[] {
  return setting
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

function parseEntry(entry: string): AddressTest {
  const withPort = /^(?:\[([^\]]+)\]|([^:/]+)):([0-9]{1,5})$/.exec(entry)
  const [network = '', bits] = (withPort?.[1] ?? withPort?.[2] ?? entry).split('/')
  const port = withPort === null ? undefined : Number(withPort[3])
  const family = isIPv6(network) ? 'ipv6' : 'ipv4'
  const most = family === 'ipv6' ? 128 : 32
  const prefix = bits === undefined ? most : /^[0-9]{1,3}$/.test(bits) ? Number(bits) : Number.NaN
  if (isIP(network) === 0 || !(prefix <= most) || !(port === undefined || (port > 0 && port < 65_536)))
    throw new ProviderRefusal(
      'provider/bad-settings',
      `Expected an address such as 10.0.0.0/8, 127.0.0.1:8080 or [::1]:8080, found ${JSON.stringify(entry.slice(0, 80))}`,
    )
  const list = new BlockList()
  list.addSubnet(network, prefix, family)
  return (address, wanted) => {
    const same = (isIPv6(address) ? 'ipv6' : 'ipv4') === family
    return same && (port === undefined || port === wanted) && list.check(address, family)
  }
}
