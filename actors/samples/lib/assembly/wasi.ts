/** The few functions of WASI preview 1 that these commands need. */
@external('wasi_snapshot_preview1', 'fd_read')
declare function fd_read(fd: i32, buffers: usize, count: i32, read: usize): i32
@external('wasi_snapshot_preview1', 'fd_write')
declare function fd_write(fd: i32, buffers: usize, count: i32, written: usize): i32
@external('wasi_snapshot_preview1', 'proc_exit')
declare function proc_exit(code: i32): void

const CHUNK_BYTES = 4096
/** One buffer descriptor (address, length) and the count that a call answers. */
const scratch = memory.data(12)

/** All of standard input. */
export function readInput(): Uint8Array {
  let held = new Uint8Array(CHUNK_BYTES)
  let length = 0
  for (;;) {
    if (length == held.length) {
      const larger = new Uint8Array(held.length * 2)
      larger.set(held)
      held = larger
    }
    store<u32>(scratch, u32(held.dataStart + length))
    store<u32>(scratch, u32(held.length - length), 4)
    if (fd_read(0, scratch, 1, scratch + 8) != 0) break
    const read = load<u32>(scratch, 8)
    if (read == 0) break
    length += read
  }
  return held.subarray(0, length)
}

/** Writes all of a buffer to standard output. */
export function writeOutput(buffer: ArrayBuffer): void {
  write(1, buffer)
}

/** Says why on standard error, and ends with exit code 1. */
export function fail(message: string | null, file: string | null, line: u32, column: u32): void {
  write(2, String.UTF8.encode(`${message ? message! : 'aborted'} at ${file ? file! : '?'}:${line}:${column}\n`))
  proc_exit(1)
}

function write(fd: i32, buffer: ArrayBuffer): void {
  let at: usize = changetype<usize>(buffer)
  const end: usize = at + buffer.byteLength
  while (at < end) {
    store<u32>(scratch, u32(at))
    store<u32>(scratch, u32(end - at), 4)
    if (fd_write(fd, scratch, 1, scratch + 8) != 0) return
    at += load<u32>(scratch, 8)
  }
}
