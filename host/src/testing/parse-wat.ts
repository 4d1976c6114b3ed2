import { readFile } from 'node:fs/promises'
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools'

/** Assembles WebAssembly text, components too. */
export const parseWat = (text: string): Promise<Uint8Array<ArrayBuffer>> =>
  parse(text) as Promise<Uint8Array<ArrayBuffer>>

/** Any text as a string of WebAssembly text. */
export const quoted = (text: string): string =>
  `"${[...Buffer.from(text)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')}"`

/** Assembles one of the fixtures of `host/src/abi/component/fixtures`. */
export async function componentFixture(name: string): Promise<Uint8Array> {
  return parseWat(await readFile(new URL(`../abi/component/fixtures/${name}.wat`, import.meta.url), 'utf8'))
}
