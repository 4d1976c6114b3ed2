/** The part of the WebAssembly JavaScript API used here, JSPI included: without the DOM library TypeScript knows none of it. */
declare namespace WebAssembly {
  type GuestFunction = (...args: number[]) => number
  type ExportValue = GuestFunction | Global | Memory
  type ImportValue = ((...args: never[]) => unknown) | Suspending
  type ItemKind = 'function' | 'table' | 'memory' | 'global' | 'tag'

  class Module {
    constructor(bytes: Uint8Array<ArrayBuffer>)
    static imports(module: Module): { module: string; name: string; kind: ItemKind }[]
    static exports(module: Module): { name: string; kind: ItemKind }[]
  }
  class Instance {
    constructor(module: Module, imports: Record<string, Record<string, ImportValue>>)
    readonly exports: Record<string, ExportValue>
  }
  class Memory {
    constructor(type: { initial: number })
    readonly buffer: ArrayBuffer
  }
  class Global {
    constructor(type: { value: 'i64'; mutable: true }, value: bigint)
    value: number | bigint
  }
  class Suspending {
    constructor(run: (...args: number[]) => Promise<number>)
  }
  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}
  /** Thrown by a guest's `throw`; no Error. */
  class Exception {}
  function promising(run: GuestFunction): (...args: number[]) => Promise<number>
  function validate(bytes: Uint8Array<ArrayBuffer>): boolean
  function compile(bytes: Uint8Array<ArrayBuffer>): Promise<Module>
}
