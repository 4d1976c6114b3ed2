/** What the host offers to an actor (world `teapot:actor`). */
declare module 'teapot:actor/host@0.1.0' {
  /** Calls a capability that was granted and bound. Throws the host's text when it is refused. */
  export function invoke(binding: string, capability: string, operation: string, payload: Uint8Array): Uint8Array
  /** Writes a line to the actor's log. */
  export function log(text: string): void
}
