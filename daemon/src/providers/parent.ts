import { type FrameWriter, parseNamed, sendNamed } from '@teapot-network/host/frames'
import { DEFAULT_PROVIDER_LIMITS, ProviderFrame, type ServiceName } from './protocol.ts'
import { type DaemonServices, ServiceRefusal } from './provider.ts'

type Waiting = PromiseWithResolvers<Uint8Array>

/** The daemon as its child sees it: requests over the pipe, by id. */
export class Parent implements DaemonServices {
  readonly #writer: FrameWriter
  readonly #waiting = new Map<number, Waiting>()
  /** Requests that wait for room. */
  readonly #queue: (() => void)[] = []
  #nextId = 0

  constructor(writer: FrameWriter) {
    this.#writer = writer
  }

  async putBlock(bytes: Uint8Array): Promise<string> {
    return Buffer.from(await this.#request('content.put', '', '', bytes)).toString()
  }

  getBlock(cid: string): Promise<Uint8Array> {
    return this.#request('content.get', cid)
  }

  async dropBlock(cid: string): Promise<void> {
    await this.#request('content.drop', cid)
  }

  callActor(actor: string, operation: string, payload: Uint8Array): Promise<Uint8Array> {
    return this.#request('actor.call', actor, operation, payload)
  }

  /** Takes a frame that settles a request. */
  settle(type: number, id: number, body: Buffer): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    this.#queue.shift()?.()
    if (type === ProviderFrame.granted) waiting?.resolve(body)
    else {
      const { names, payload } = parseNamed(body, 1, DEFAULT_PROVIDER_LIMITS)
      waiting?.reject(new ServiceRefusal(names[0]!, payload.toString()))
    }
  }

  #request(
    service: ServiceName,
    about: string,
    operation = '',
    payload: Uint8Array = new Uint8Array(0),
  ): Promise<Uint8Array> {
    const waiting = Promise.withResolvers<Uint8Array>()
    const send = () => {
      this.#nextId = (this.#nextId + 1) % 0xffff_ffff
      this.#waiting.set(this.#nextId, waiting)
      const names = [service, about, operation].map((name) => Buffer.from(name))
      sendNamed(this.#writer, ProviderFrame.request, this.#nextId, names, payload)
    }
    if (this.#waiting.size < DEFAULT_PROVIDER_LIMITS.calls / 2) send()
    else this.#queue.push(send)
    return waiting.promise
  }
}
