import { readFileSync, statSync } from 'node:fs'
import { TeapotError } from '@teapot-network/trust'
import type { Settings } from './provider.ts'

const REFERENCE = 'secret:'

/**
 * The secrets of a machine's owner: one JSON file `{"<actor>": {"<name>": "<value>"}}` that nobody else may read. A binding's
 * setting `secret:<name>` stands for one of them (spec/host.md §6.9); it is filled in for that actor alone, on the way to
 * the provider, so that no manifest, trace or log holds it. The file is read again when it was changed.
 */
export class Secrets {
  readonly #path: string | undefined
  #stamp = ''
  #byActor: Record<string, Record<string, unknown>> = {}

  constructor(path: string | undefined) {
    this.#path = path
  }

  /** @throws TeapotError `provider/unknown-secret`, `provider/unsafe-secrets` */
  fillIn(actor: string, settings: Settings): Settings {
    const entries = Object.entries(settings)
    if (!entries.some(([, value]) => value.startsWith(REFERENCE))) return settings
    this.#read()
    const filled = entries.map(([key, value]) => [
      key,
      value.startsWith(REFERENCE) ? this.#find(actor, value.slice(REFERENCE.length)) : value,
    ])
    return Object.fromEntries(filled)
  }

  #find(actor: string, name: string): string {
    const own = Object.hasOwn(this.#byActor, actor) ? this.#byActor[actor]! : {}
    const value = Object.hasOwn(own, name) ? own[name] : undefined
    if (typeof value === 'string') return value
    throw new TeapotError(
      'provider/unknown-secret',
      `Expected a secret ${name} for ${actor} on this machine, found none; its owner must set it`,
    )
  }

  #read(): void {
    if (this.#path === undefined) return
    try {
      const { mode, uid, mtimeMs, size } = statSync(this.#path)
      const stamp = `${mode} ${uid} ${mtimeMs} ${size}`
      if (stamp === this.#stamp) return
      if ((mode & 0o177) !== 0 || (uid !== 0 && uid !== process.getuid?.()))
        throw new Error(
          `expected mode 600 and the daemon's own user, found ${(mode & 0o777).toString(8)} and uid ${uid}`,
        )
      this.#byActor = JSON.parse(readFileSync(this.#path, 'utf8'))
      this.#stamp = stamp
    } catch (error) {
      // Not the cause itself: a parser's message may quote the file.
      const why = error instanceof SyntaxError ? 'it is no JSON' : (error as Error).message
      throw new TeapotError('provider/unsafe-secrets', `Cannot use the secrets of this machine: ${why}`, {
        kind: 'fault',
      })
    }
  }
}
