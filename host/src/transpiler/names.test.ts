import { expect, test } from 'vitest'
import { isCoreName, isExternName, splitVersion } from './names.ts'

test('Names of WIT are allowed', () => {
  for (const name of [
    ...['run', 'use-thing', 'JSON-text', 'a1-2b', 'wasi:io/streams', 'wasi:io/streams@0.2.6'],
    ...['wasi:keyvalue/store@0.2.0-draft2', '[method]output-stream.blocking-write-and-flush'],
    ...['[static]fields.from-list', '[constructor]fields'],
  ])
    expect(isExternName(name), name).toBe(true)
})

test('Names that WIT does not have are refused, whatever they would do to a script', () => {
  for (const name of [
    ...['', 'a b', "a'", 'a`', 'a\\', 'a\n', '1a', '-a', 'a-', 'A-b ', 'ns:pkg/iface@1.2'],
    ...["ns:pkg/iface@1.2.3-'", 'ns/iface', '[evil]a', '[method]a', 'url=<https://example.org>'],
    ...['unlocked-dep=<a:b>', '__proto__', 'a'.repeat(513)],
  ])
    expect(isExternName(name), name).toBe(false)
})

test('Core modules use more signs, but none that ends a text or a line', () => {
  for (const name of [
    ...['', '0', '$imports', '$root', '[export]a:b/c', 'cm32p2|wasi:cli/run@0.2|run', '_ZN4core3fmt$LT$u20'],
    ...['__main_module__'],
  ])
    expect(isCoreName(name), name).toBe(true)
  for (const name of [
    ...["a'", 'a"', 'a`', 'a\\', 'a\n', 'a b', 'a{', 'a(', 'a,', 'ä', '\u2028', '__proto__', 'a'.repeat(513)],
  ])
    expect(isCoreName(name), name).toBe(false)
})

test('A version is what follows the at sign', () => {
  expect(splitVersion('wasi:io/streams@0.2.6')).toEqual({ name: 'wasi:io/streams', version: '0.2.6' })
  expect(splitVersion('run')).toEqual({ name: 'run', version: '' })
})
