/** Thrown through a guest that asked to end. */
export class Exit extends Error {
  override readonly name = 'Exit'
  /** u32; 0 for success */
  readonly code: number

  constructor(code: number) {
    super(`exit code ${code}`)
    this.code = code
  }
}
