import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ProviderCall } from '../../provider.ts'
import { commaSeparated, parseAddressList } from './address-list.ts'
import { isPublicAddress } from './public-address.ts'
import { privateExceptions, reachable } from './reachable.ts'

const PRIVATE = [
  ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.255.255.254', '169.254.169.254'],
  ...['172.16.0.1', '172.31.255.255', '192.0.0.192', '192.0.2.1', '192.168.0.1', '198.18.0.1', '198.19.255.255'],
  ...['224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255', '203.0.113.9', '198.51.100.1', '192.88.99.1'],
  ...':: ::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:7f00:1 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1'.split(' '),
  ...'fe80::1 febf::1 fec0::1 fc00::1 fdff::1 ff02::1 2001:db8::1 2001::1 2002:7f00:1:: 3fff::1'.split(' '),
  ...['5f00::1', '100::1'],
]
const PUBLIC = [
  '1.1.1.1',
  '8.8.8.8',
  '100.63.255.255',
  '100.128.0.0',
  '172.15.0.1',
  '172.32.0.1',
  '223.255.255.255',
  '198.17.0.1',
]

test.each(PRIVATE)('%s is no address of the public internet', (address) => {
  expect(isPublicAddress(address)).toBe(false)
})

test.each([...PUBLIC, '2606:4700::1111', '2a00:1450::1', '2003::1'])('%s is public', (address) => {
  expect(isPublicAddress(address)).toBe(true)
})

test('What is no address is not public', () => {
  for (const text of ['', 'localhost', '1.2.3', '127.1', '0x7f000001', '2130706433', '::1%lo', '[::1]'])
    expect(isPublicAddress(text)).toBe(false)
})

describe('a list of addresses', () => {
  test('holds networks, single addresses, and ports', () => {
    const has = parseAddressList(commaSeparated('10.0.0.0/8, 127.0.0.1:8080,fd00::/8,[::1]:80,'))
    expect(has('10.9.8.7', 1)).toBe(true)
    expect(has('11.0.0.1', 1)).toBe(false)
    expect(has('127.0.0.1', 8080)).toBe(true)
    expect(has('127.0.0.1', 8081)).toBe(false)
    expect(has('127.0.0.2', 8080)).toBe(false)
    expect(has('fd12::1', 5)).toBe(true)
    expect(has('::1', 80)).toBe(true)
    expect(has('::1', 81)).toBe(false)
    expect(has('::ffff:10.0.0.1', 1)).toBe(false)
    expect(parseAddressList([])('10.0.0.1', 1)).toBe(false)
  })

  test.each([
    'localhost',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/',
    '10.0.0.1:0',
    '10.0.0.1:65536',
    '::1:80/129',
    '*',
    'http://10.0.0.1',
  ])('refuses %s', (entry) => {
    expect(() => parseAddressList([entry])).toThrowError(expect.objectContaining({ code: 'provider/bad-settings' }))
  })

  test('reads or refuses any text, and throws nothing else', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseAddressList(commaSeparated(text))
        } catch (error) {
          expect(error).toMatchObject({ code: 'provider/bad-settings' })
        }
      }),
    )
  })
})

describe('an exception', () => {
  const call = (actor: string, setting?: string) =>
    ({ actor, settings: setting === undefined ? {} : { private: setting } }) as unknown as ProviderCall
  const operator = { private: { shop: ['127.0.0.1:9000', '10.0.0.0/8'] } }

  test('takes both the owner of the machine and the binding', () => {
    expect(privateExceptions(operator, call('shop', '127.0.0.1'))('127.0.0.1', 9000)).toBe(true)
    expect(privateExceptions(operator, call('shop', '127.0.0.1'))('127.0.0.1', 9001)).toBe(false)
    expect(privateExceptions(operator, call('shop', '127.0.0.1'))('10.0.0.1', 9000)).toBe(false)
    expect(privateExceptions(operator, call('shop'))('127.0.0.1', 9000)).toBe(false)
    expect(privateExceptions(operator, call('other', '127.0.0.1'))('127.0.0.1', 9000)).toBe(false)
    expect(privateExceptions(operator, call('constructor', '127.0.0.1'))('127.0.0.1', 9000)).toBe(false)
    expect(privateExceptions({}, call('shop', '127.0.0.1'))('127.0.0.1', 9000)).toBe(false)
  })

  test('that cannot be read is refused', () => {
    const refused = expect.objectContaining({ code: 'provider/bad-settings' })
    expect(() => privateExceptions({ private: { shop: '10.0.0.1' } }, call('shop'))).toThrowError(refused)
    expect(() => privateExceptions({ private: { shop: ['home'] } }, call('shop'))).toThrowError(refused)
    expect(() => privateExceptions({}, call('shop', 'home'))).toThrowError(refused)
  })
})

test('A name is looked up and each of its addresses checked', async () => {
  const nothing = () => false
  await expect(reachable('localhost', 80, nothing)).rejects.toMatchObject({ code: 'provider/address-refused' })
  await expect(reachable('127.0.0.1', 80, nothing)).rejects.toMatchObject({ code: 'provider/address-refused' })
  await expect(reachable('no.such.name.invalid', 80, nothing)).rejects.toMatchObject({
    code: 'provider/unreachable',
    kind: 'unavailable',
  })
  expect(await reachable('1.1.1.1', 80, nothing)).toEqual([{ address: '1.1.1.1', family: 4 }])
  const some = await reachable('localhost', 80, parseAddressList(['127.0.0.1:80', '::1']))
  expect(some.length).toBeGreaterThan(0)
  await expect(reachable('localhost', 81, parseAddressList(['127.0.0.1:80', '[::1]:80']))).rejects.toMatchObject({
    code: 'provider/address-refused',
  })
})
