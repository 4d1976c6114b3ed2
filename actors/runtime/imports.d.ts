declare module 'teapot:actor/host@0.1.0' {
  export function log(text: string): void
}
declare module 'wasi:random/random@0.2.0' {
  export function getRandomBytes(length: bigint): Uint8Array
  export function getRandomU64(): bigint
}
declare module 'teapot:source'
