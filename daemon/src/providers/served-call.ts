import { parseNamed } from '@teapot-network/host/frames'
import type { ProviderLimits } from './protocol.ts'
import { type ProviderCall, ProviderRefusal, type Settings } from './provider.ts'

const NONE: Settings = Object.freeze({})
let parsed = { text: '', settings: NONE }

/** A call as it came over the pipe; its signal is made when somebody asks for it. */
export class ServedCall implements ProviderCall {
  readonly actor: string
  readonly publisher: string
  readonly binding: string
  readonly capability: string
  readonly operation: string
  readonly settings: Settings
  readonly payload: Uint8Array
  #abort: AbortController | undefined
  #cancelled = false

  /** @throws FrameError for a body that is no call */
  constructor(body: Buffer, limits: ProviderLimits) {
    const { names, payload } = parseNamed(body, 6, { ...limits, nameBytes: limits.settingsBytes })
    this.actor = names[0]!
    this.publisher = names[1]!
    this.binding = names[2]!
    this.capability = names[3]!
    this.operation = names[4]!
    this.settings = settingsOf(names[5]!)
    this.payload = payload
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.#cancelled) this.cancel()
    }
    return this.#abort.signal
  }

  /** The caller has gone. */
  cancel(): void {
    this.#cancelled = true
    this.#abort?.abort(new ProviderRefusal('provider/deadline', 'Expected a caller that waits, found it gone'))
  }
}

/** The last settings are the next ones most of the time. */
function settingsOf(text: string): Settings {
  if (text === '') return NONE
  if (parsed.text !== text) parsed = { text, settings: Object.freeze(JSON.parse(text)) as Settings }
  return parsed.settings
}
