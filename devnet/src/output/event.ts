/** What happens in a devnet, as it happens. `--json` prints one a line; the other renderers make text of it. */
export type DevnetEvent = { /** Milliseconds since `npm start` began. */ at: number } & (
  | { event: 'start'; time: string; nodes: number; folder: string; resumed: boolean }
  | { event: 'step'; step: string; title: string }
  /** A line of a step, or of none. `data` is for programs: what the text says, as values. */
  | { event: 'say'; step?: string; text: string; data?: Record<string, unknown> }
  | { event: 'held'; step: string; title: string; ms: number }
  | { event: 'failed'; step: string; title: string; ms: number; code: string; message: string }
  /** The story is told: where the network is, and what to try while it stays up. */
  | { event: 'up'; staysUp: boolean; addresses: Record<string, string>; commands: string[] }
  | { event: 'end'; held: number; failed: number; ms: number; stopped?: string }
)

type WithoutTime<Event> = Event extends unknown ? Omit<Event, 'at'> : never

/** An event before its time is put in. */
export type UntimedEvent = WithoutTime<DevnetEvent>
