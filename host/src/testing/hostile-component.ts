/** Runs in whatever evaluates it, unless names are checked. */
export const INJECTED = "a': (globalThis.injected = true, exports0.f), 'b"

/**
 * A valid component in whose names there is a script. jco writes names between quotes without a look at them.
 * @param place where the name stands: what a core module imports, what one exports, or an argument between core instances
 */
export function hostileComponent(place: 'import' | 'export' | 'argument', name = INJECTED): string {
  const quoted = name.replace(/["\\\n]/g, (sign) => `\\${sign.charCodeAt(0).toString(16).padStart(2, '0')}`)
  const at = (here: typeof place) => (here === place ? quoted : 'f')
  return `(component
  (core module $first (func (export "f")) (func (export "${place === 'export' ? quoted : 'g'}")))
  (core module $main
    (import "x" "${at('import')}" (func))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "handle") (param i32 i32 i32 i32) (result i32) (unreachable)))
  (core instance $first (instantiate $first))
  (core instance $main (instantiate $main (with "x" (instance
    (export "${at('import')}" (func $first "f"))
    ${place === 'argument' ? `(export "${quoted}" (func $first "f"))` : ''}))))
  (func $handle (param "operation" string) (param "payload" (list u8)) (result (result (list u8) (error string)))
    (canon lift (core func $main "handle")
      (memory (core memory $main "memory")) (realloc (core func $main "realloc"))))
  (instance $handler (export "handle" (func $handle)))
  (export "teapot:actor/handler@0.1.0" (instance $handler)))`
}
