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
    readonly buffer: ArrayBuffer
  }
  class Global {
    value: number | bigint
  }
  class Suspending {
    constructor(run: (...args: number[]) => Promise<number>)
  }
  function promising(run: GuestFunction): (...args: number[]) => Promise<number>
  function compile(bytes: Uint8Array<ArrayBuffer>): Promise<Module>
}
