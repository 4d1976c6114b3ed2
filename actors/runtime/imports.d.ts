declare module 'teapot:actor/host@0.1.0' {
  export function log(text: string): void
}
declare module 'wasi:random/random@0.2.0' {
  /** The engine takes and gives a u64 as a number. */
  export function getRandomBytes(length: number): Uint8Array
}
declare module 'teapot:source'
