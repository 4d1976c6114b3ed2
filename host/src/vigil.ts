/**
 * Keeps the event loop from sleeping for a moment. To wake a sleeping core costs more than the whole of a small call: on a
 * virtual machine 20 to 50 µs in each direction (measured). So whoever has one answer to wait for, and expects it soon,
 * keeps polling meanwhile; all else that the event loop has to do goes on.
 */
export class Vigil {
  readonly #forMs: number
  #untilMs = 0
  #watching = false

  /** @param micros how long at a time; 0 for never, as on a machine with one core */
  constructor(micros: number) {
    this.#forMs = micros / 1000
  }

  /** Begins, or begins anew. */
  start(): void {
    if (this.#forMs === 0) return
    this.#untilMs = performance.now() + this.#forMs
    if (this.#watching) return
    this.#watching = true
    setImmediate(this.#turn)
  }

  /** What was waited for has come. */
  end(): void {
    this.#untilMs = 0
  }

  readonly #turn = (): void => {
    if (performance.now() < this.#untilMs) setImmediate(this.#turn)
    else this.#watching = false
  }
}

/** Calls that are made in one way before the next look. */
const ROUND = 32
/** Every so manieth round is made in the way that was worse. */
const PROBE = 16
/** How much faster it must be to be worth the power. */
const GAIN = 0.8
const MAX_MS = 1

/** Finds out by trial whether it pays to wait awake: on a machine whose cores are all busy it does not. */
export class VigilTrial {
  /** Whether to wait awake for the next call. */
  awake = false
  #awakeMs = 0
  #asleepMs = Number.POSITIVE_INFINITY
  #calls = 0
  #sumMs = 0
  #rounds = 0

  /** Notes how long a call took that was alone. */
  note(ms: number): void {
    // What went before the first call of a round was made in the other way.
    if (this.#calls++ > 0) this.#sumMs += Math.min(ms, MAX_MS)
    if (this.#calls < ROUND) return
    const meanMs = this.#sumMs / (ROUND - 1)
    if (this.awake) this.#awakeMs = meanMs
    else this.#asleepMs = meanMs
    this.#calls = 0
    this.#sumMs = 0
    const pays = this.#awakeMs < GAIN * this.#asleepMs
    this.awake = ++this.#rounds % PROBE === 0 ? !pays : pays
  }
}
