/** Messages that wait for one subscriber; beyond either, further ones are lost. */
const MAX_MESSAGES = 256
const MAX_BYTES = 4 << 20

/** Takes one message to its subscriber; a failure loses it. */
export type Deliver = (message: Uint8Array) => Promise<unknown>

/** The messages of one subscriber, delivered in their order, so many at a time. */
export class Mailbox {
  /** How many are delivered at a time; with one, each waits for the one before. */
  concurrency: number
  readonly #deliver: Deliver
  #waiting: Uint8Array[] = []
  #bytes = 0
  #underWay = 0

  constructor(deliver: Deliver, concurrency: number) {
    this.#deliver = deliver
    this.concurrency = concurrency
  }

  /** Whether another message of this size has room. */
  hasRoom(sizeBytes: number): boolean {
    return this.#waiting.length < MAX_MESSAGES && this.#bytes + sizeBytes <= MAX_BYTES
  }

  /** Takes a message in. @returns false when it was lost, for want of room */
  offer(message: Uint8Array): boolean {
    if (!this.hasRoom(message.length)) return false
    this.#waiting.push(message)
    this.#bytes += message.length
    this.#pump()
    return true
  }

  /** Loses what waits. */
  clear(): void {
    this.#waiting = []
    this.#bytes = 0
  }

  #pump(): void {
    while (this.#underWay < this.concurrency) {
      const message = this.#waiting.shift()
      if (message === undefined) return
      this.#bytes -= message.length
      this.#underWay++
      this.#deliver(message).then(this.#done, this.#done)
    }
  }

  readonly #done = (): void => {
    this.#underWay--
    this.#pump()
  }
}
