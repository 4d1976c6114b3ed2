/** An actor's source that did not compile; the message holds the compiler's diagnostics. */
export class ActorBuildError extends Error {
  override readonly name = 'ActorBuildError'
  readonly code = 'actors/does-not-compile'
}
