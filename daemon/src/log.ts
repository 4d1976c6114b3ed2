/** What a log line may carry besides its message. */
export type LogFields = Record<string, string | number | boolean | undefined>

/** The box's own log: one JSON line an event, to standard output. */
export interface Log {
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

/** Writes lines `{"at": ISO time, "level", "message", …fields}`. */
export function createLog(write: (line: string) => void = (line) => process.stdout.write(line)): Log {
  const line =
    (level: string) =>
    (message: string, fields: LogFields = {}) =>
      write(`${JSON.stringify({ at: new Date().toISOString(), level, message, ...fields })}\n`)
  return { info: line('info'), warn: line('warn'), error: line('error') }
}
