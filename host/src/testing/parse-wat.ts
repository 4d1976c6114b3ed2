import { readFile } from 'node:fs/promises'
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools'

/** Assembles WebAssembly text, components too. */
export const parseWat = (text: string): Promise<Uint8Array<ArrayBuffer>> =>
  parse(text) as Promise<Uint8Array<ArrayBuffer>>

/** Any text as a string of WebAssembly text. */
export const quoted = (text: string): string =>
  `"${[...Buffer.from(text)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')}"`

/** A memory and what takes of it: never frees or grows, since an instance serves one call. */
const libc = (pages: string) => `
  (core module $libc
    (memory (export "memory") ${pages})
    (global $next (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at)))
  (core instance $libc (instantiate $libc))`
const MEMORY = '(memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))'

/** Assembles one of the fixtures of `host/src/abi/component/fixtures`, where `@libc(pages)` and `@memory` stand for the above. */
export async function componentFixture(name: string): Promise<Uint8Array> {
  const text = await readFile(new URL(`../abi/component/fixtures/${name}.wat`, import.meta.url), 'utf8')
  return parseWat(text.replace(/@libc\((\d+)\)/g, (_, pages) => libc(pages)).replaceAll('@memory', () => MEMORY))
}
