/** What can be wrong with an actor before it runs anywhere (spec/errors.md). */
export type ActorErrorCode =
  | 'actors/does-not-compile'
  | 'actors/no-source'
  | 'actors/not-an-actor'
  | 'actors/cannot-create'
  | 'actors/not-served-here'

/** A refusal of the tools for authors; of a compiler, the message holds its diagnostics. */
export class ActorError extends Error {
  override readonly name = 'ActorError'
  readonly kind = 'refused'
  readonly code: ActorErrorCode

  constructor(code: ActorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
