/** Frames between the supervisor and a provider process (framing: spec/host.md §4). */
export const ProviderFrame = {
  /** To the provider: a call. Three names (actor, binding, operation) and the payload. */
  call: 1,
  /** To the provider: finish. id 0, empty. */
  close: 2,
  /** From the provider: ready. id 0; one name (the capability), payload = its operations joined by newlines. */
  ready: 16,
  /** From the provider: the call's answer. */
  ok: 17,
  /** From the provider: the call's failure. One name (the code), payload = text. */
  error: 18,
} as const

/** Every limit and timeout of provider processes. */
export interface ProviderLimits {
  readonly payloadBytes: number
  readonly responseBytes: number
  /** Longest actor, binding, capability or operation name, in bytes. */
  readonly nameBytes: number
  /** From spawn to ready. */
  readonly startMs: number
  /** One call; a provider that gave no sign of life in it is killed. */
  readonly callMs: number
  /** How long a call waits for a provider that is being restarted. */
  readonly waitMs: number
  /** Pause before the first restart; doubles with each failure up to `maxBackoffMs`. */
  readonly backoffMs: number
  readonly maxBackoffMs: number
  /** From being asked to finish to being killed. */
  readonly closeMs: number
  /** Calls under way per provider. */
  readonly calls: number
  readonly heapMegabytes: number
  /** Bytes kept of what the process wrote to stdout and stderr. */
  readonly textBytes: number
}

/** The defaults; {@link ProviderLimits} says what each is for. */
export const DEFAULT_PROVIDER_LIMITS: ProviderLimits = {
  payloadBytes: 1 << 20,
  responseBytes: 1 << 20,
  nameBytes: 256,
  startMs: 10_000,
  callMs: 10_000,
  waitMs: 5_000,
  backoffMs: 20,
  maxBackoffMs: 5_000,
  closeMs: 1_000,
  calls: 1_024,
  heapMegabytes: 128,
  textBytes: 4 << 10,
}
