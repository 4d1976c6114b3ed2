/** A node of a script in WebAssembly's text format: a word, the bytes of a string, or a list. */
export type Node = string | Uint8Array | List

/** What stands between two parentheses. */
export interface List {
  readonly items: readonly Node[]
  /** Where each item begins in the text. */
  readonly starts: readonly number[]
  /** Where the list's own parentheses are. */
  readonly start: number
  readonly end: number
}

const SPACE = /\s/
const WORD_END = /[\s()";]/
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', '"': '"', "'": "'", '\\': '\\' }

/**
 * Reads the lists of a script (WebAssembly core §6.2, and the reference interpreter's script commands), without annotations.
 * @throws Error where the text is malformed
 */
export function readScript(text: string): List[] {
  const open: { items: Node[]; starts: number[]; start: number }[] = [{ items: [], starts: [], start: 0 }]
  let at = 0
  const add = (node: Node, start: number): void => {
    open.at(-1)!.items.push(node)
    open.at(-1)!.starts.push(start)
  }
  while (at < text.length) {
    const start = at
    const char = text[at]!
    if (SPACE.test(char)) at++
    else if (text.startsWith(';;', at)) at = lineEnd(text, at)
    else if (text.startsWith('(;', at)) at = commentEnd(text, at)
    else if (char === '(') {
      open.push({ items: [], starts: [], start })
      at++
    } else if (char === ')') {
      const list = open.pop()!
      at++
      if (open.length === 0) throw new Error(`Expected a list to close at ${start}, found none`)
      // Annotations may stand anywhere.
      const word = list.items[0]
      if (typeof word !== 'string' || !word.startsWith('@')) add({ ...list, end: at }, list.start)
    } else if (char === '"') {
      at = stringEnd(text, at)
      add(bytesOf(text.slice(start + 1, at - 1)), start)
    } else {
      do at++
      while (at < text.length && !WORD_END.test(text[at]!))
      add(text.slice(start, at), start)
    }
  }
  if (open.length !== 1) throw new Error('Expected every list to close, found the end')
  return open[0]!.items.filter(isList)
}

/** The first word of a list. */
export const headOf = (list: List): string => (typeof list.items[0] === 'string' ? list.items[0] : '')

export const isList = (node: Node | undefined): node is List => typeof node === 'object' && 'items' in node

/** The text of a string. @throws TypeError when it is not UTF-8 */
export const textOf = (node: Node | undefined): string =>
  new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(node as Uint8Array)

function lineEnd(text: string, at: number): number {
  const end = text.slice(at).search(/[\n\r]/)
  return end < 0 ? text.length : at + end
}

function commentEnd(text: string, at: number): number {
  let depth = 0
  do {
    if (text.startsWith('(;', at)) depth++
    else if (text.startsWith(';)', at)) depth--
    else {
      at++
      continue
    }
    at += 2
  } while (depth > 0 && at < text.length)
  return at
}

function stringEnd(text: string, at: number): number {
  for (at++; text[at] !== '"'; at++) {
    if (at >= text.length) throw new Error('Expected every string to close, found the end')
    if (text[at] === '\\') at++
  }
  return at + 1
}

function bytesOf(text: string): Uint8Array {
  const parts: Uint8Array[] = []
  const encoder = new TextEncoder()
  for (const [, code, byte, char, plain] of text.matchAll(
    /\\u\{([0-9a-fA-F_]+)\}|\\([0-9a-fA-F]{2})|\\(.)|([^\\]+)/gsu,
  )) {
    if (byte !== undefined) parts.push(Uint8Array.of(Number.parseInt(byte, 16)))
    else if (code !== undefined)
      parts.push(encoder.encode(String.fromCodePoint(Number.parseInt(code.replaceAll('_', ''), 16))))
    else parts.push(encoder.encode(plain ?? ESCAPES[char!] ?? char))
  }
  return new Uint8Array(Buffer.concat(parts))
}
