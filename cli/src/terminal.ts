/** What a terminal, or who reads it, may take for something else: controls, line separators, and what formats unseen, but for the joiners of scripts and emoji. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/gu

/** One line without what could repaint the terminal, begin another line or read otherwise than it is: each such character becomes `\ufffd`. */
export function printable(line: string): string {
  return line.replace(UNSEEN, (found) => (found === '\t' ? found : '\ufffd'))
}

/** The same for all texts of a value, whose lines are made and split later. */
export function printableIn<T>(value: T): T {
  return JSON.parse(JSON.stringify(value), (_, part) => (typeof part === 'string' ? printable(part) : part))
}

/** A text that strangers may have had a hand in, of which only the first line begins at the margin: no other can pass for one of ours. */
export function hanging(text: string): string[] {
  return text.split('\n').map((line, i) => (i === 0 ? line : `  ${line}`))
}

/** A text in lines of at most so many columns; what has no blank is cut. */
export function wrap(text: string, columns: number): string[] {
  return text.match(new RegExp(`\\S.{0,${columns - 1}}(?=\\s|$)|\\S{1,${columns}}`, 'g')) ?? []
}

const COLUMNS = 100

/** The lines of a tree, where they are too long for a terminal folded under their own beginning. */
export function foldTree(tree: string): string[] {
  return tree.split('\n').flatMap((line) => {
    if (line.length <= COLUMNS) return [line]
    const indent = line.length - line.trimStart().length
    return wrap(line, COLUMNS - indent - 4).map((part, i) => ' '.repeat(indent + (i && 4)) + part)
  })
}

/** JSON of the very value, though it is printed: what a terminal may not see is escaped. */
export function toJson(value: unknown, indent?: number): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(value, null, indent).replace(UNSEEN, (found) => {
    return found === '\n' ? found : found.split('').map(escaped).join('')
  })
}

/** Bytes for a terminal: text where they are UTF-8 that can be shown, else hex. */
export function showBytes(bytes: Uint8Array): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (text.split('\n').every((line) => printable(line) === line)) return text
  } catch {}
  return `0x${Buffer.from(bytes).toString('hex')}`
}
