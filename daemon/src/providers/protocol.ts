/** Frames between the supervisor and a provider process (framing: spec/host.md §4; bodies: §4.3). */
export const ProviderFrame = {
  /** To the provider: a call. Six names (actor, publisher, binding, capability, operation, settings as JSON) and the payload. */
  call: 1,
  /** To the provider: finish. id 0, empty. */
  close: 2,
  /** To the provider: the caller of the call with this id has gone. Empty. */
  cancel: 3,
  /** To the provider: all that an actor is bound to, in place of what was told before. id 0; two names (actor, publisher), payload = {@link TellableBinding}[] as JSON. */
  bindings: 4,
  /** To the provider, first of all: what the machine's owner set for it. id 0, payload = a JSON object. */
  begin: 5,
  /** To the provider: the answer to its request with this id. */
  granted: 6,
  /** To the provider: the refusal of its request. One name (the code), payload = text. */
  denied: 7,
  /** From the provider: ready. id 0; payload = a line for each capability: its id and its operations, parted by spaces. */
  ready: 16,
  /** From the provider: the call's answer. */
  ok: 17,
  /** From the provider: the call's failure. Two names (code, kind), payload = text. */
  error: 18,
  /** From the provider: it asks something of the daemon. Three names (service, what it is about, operation) and the payload. */
  request: 19,
} as const

/** What a provider may ask of the daemon, and the grant that it takes. */
export const SERVICES = {
  'content.put': 'content',
  'content.get': 'content',
  'content.drop': 'content',
  'actor.call': 'actors',
} as const

/** One of {@link SERVICES}. */
export type ServiceName = keyof typeof SERVICES

/** Every limit and timeout of provider processes. */
export interface ProviderLimits {
  readonly payloadBytes: number
  readonly responseBytes: number
  /** Longest actor, binding, capability or operation name, in bytes. */
  readonly nameBytes: number
  /** Longest settings of a binding, as JSON in bytes. */
  readonly settingsBytes: number
  /** From spawn to ready. */
  readonly startMs: number
  /** One call; a provider that gave no sign of life in it is killed. */
  readonly callMs: number
  /** How long a call waits for a provider that is being restarted. */
  readonly waitMs: number
  /** Pause before the first restart; doubles with each failure up to `maxBackoffMs`. */
  readonly backoffMs: number
  readonly maxBackoffMs: number
  /** Without a call for so long, a provider that does nothing by itself gives its process back; the next call starts another. */
  readonly idleMs: number
  /** From being asked to finish to being killed. */
  readonly closeMs: number
  /** Calls under way per provider, and requests of it under way at the daemon. */
  readonly calls: number
  /** Of JavaScript. */
  readonly heapMegabytes: number
  /** Of the whole process. */
  readonly memoryMegabytes: number
  /** Bytes kept of what the process wrote to stdout and stderr, and of a refusal's text. */
  readonly textBytes: number
}

/** The defaults; {@link ProviderLimits} says what each is for. */
export const DEFAULT_PROVIDER_LIMITS: ProviderLimits = {
  payloadBytes: 1 << 20,
  responseBytes: 1 << 20,
  nameBytes: 256,
  settingsBytes: 8 << 10,
  startMs: 10_000,
  callMs: 10_000,
  waitMs: 5_000,
  backoffMs: 20,
  maxBackoffMs: 5_000,
  idleMs: 60_000,
  closeMs: 1_000,
  calls: 1_024,
  heapMegabytes: 128,
  memoryMegabytes: 1_024,
  textBytes: 4 << 10,
}
