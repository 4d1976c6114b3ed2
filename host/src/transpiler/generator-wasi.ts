/**
 * WASI for jco's generator, which is itself a component and links more than it uses: it reads no file, no clock and no
 * environment. Here everything is empty, random bytes seed its hash tables, and what it says before a panic is lost.
 * Takes the place of `@bytecodealliance/preview2-shim`, whose Node build wants workers and the network.
 */
class Nothing {}

class Sink {
  checkWrite(): bigint {
    return 1n << 20n
  }
  write(): void {}
  blockingWriteAndFlush(): void {}
  blockingFlush(): void {}
}

export const environment = { getEnvironment: () => [] }
export const exit = {
  exit() {
    throw new Error('the generator gave up')
  },
}
export const stdin = { getStdin: () => new Nothing() }
export const stdout = { getStdout: () => new Sink() }
export const stderr = { getStderr: () => new Sink() }
export const terminalInput = { TerminalInput: Nothing }
export const terminalOutput = { TerminalOutput: Nothing }
export const terminalStdin = { getTerminalStdin: () => undefined }
export const terminalStdout = { getTerminalStdout: () => undefined }
export const terminalStderr = { getTerminalStderr: () => undefined }
export const preopens = { getDirectories: () => [] }
export const types = { Descriptor: Nothing, DirectoryEntryStream: Nothing, filesystemErrorCode: () => undefined }
export const error = { Error: Nothing }
export const streams = { InputStream: Nothing, OutputStream: Sink }
export const random = { getRandomBytes: (length: bigint) => new Uint8Array(Number(length)) }
