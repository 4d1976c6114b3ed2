import { fail, readInput, writeOutput } from '../../lib/assembly/wasi'

/** A WASI command: reads its standard input, and answers with its lines, words and bytes, as `wc` does. */
export function _start(): void {
  const input = readInput()
  let lines = 0
  let words = 0
  let inWord = false
  for (let i = 0; i < input.length; i++) {
    const byte = input[i]
    if (byte == 0x0a) lines++
    const blank = byte == 0x20 || (byte >= 0x09 && byte <= 0x0d)
    if (!blank && !inWord) words++
    inWord = !blank
  }
  writeOutput(String.UTF8.encode(`${lines} ${words} ${input.length}\n`))
}

/** What AssemblyScript calls when it gives up; named in the compiler's options. */
function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  fail(message, file, line, column)
}
