import type { ConfinedProgram } from './confined-program.ts'

/**
 * Node's own confinement: the permission model, and off with what goes around it. What a program is granted comes last and
 * wins (spec/host.md §2.1).
 */
export function nodeFlags({ read, write = [], network, allow = [], nodeFlags = [] }: ConfinedProgram): string[] {
  return [
    '--permission',
    ...[...read, ...write].map((path) => `--allow-fs-read=${path}`),
    ...write.map((path) => `--allow-fs-write=${path}`),
    ...(network ? ['--allow-net'] : []),
    '--disable-sigusr1',
    '--disable-proto=throw',
    '--disallow-code-generation-from-strings',
    // node:sqlite opens files past the permission model (measured with Node 26.10).
    '--no-experimental-sqlite',
    '--no-experimental-webstorage',
    '--no-experimental-ffi',
    '--no-experimental-websocket',
    ...allow,
    ...nodeFlags,
  ]
}
