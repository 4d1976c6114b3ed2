/// <reference path="../../../host/src/webassembly.d.ts" />

/** The module `spectest` that every script may import from (the reference interpreter's host module). */
export function spectest(): Record<string, unknown> {
  const ignore = () => {}
  const api = WebAssembly as unknown as Record<'Global' | 'Table' | 'Memory', new (...parameters: unknown[]) => unknown>
  return {
    ...{ print: ignore, print_i32: ignore, print_i64: ignore, print_f32: ignore, print_f64: ignore },
    ...{ print_i32_f32: ignore, print_f64_f64: ignore },
    global_i32: new api.Global({ value: 'i32' }, 666),
    global_i64: new api.Global({ value: 'i64' }, 666n),
    global_f32: new api.Global({ value: 'f32' }, 666.6),
    global_f64: new api.Global({ value: 'f64' }, 666.6),
    table: new api.Table({ initial: 10, maximum: 20, element: 'anyfunc' }),
    memory: new api.Memory({ initial: 1, maximum: 2 }),
  }
}
