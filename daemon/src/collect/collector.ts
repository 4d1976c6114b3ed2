import { TeapotError, type TeeEvidence } from '@teapot-network/trust'

/** Gets one kind of machine to vouch for itself: asks its processor, through the kernel, for a report. */
export interface Collector {
  /** For messages. */
  readonly name: string
  /** Whether this machine has it. */
  available(signal?: AbortSignal): Promise<boolean>
  /**
   * @param reportData 64 bytes, to stand in the report (spec/evidence.md §7)
   * @throws TeapotError `collect/no-report`
   */
  collect(reportData: Uint8Array, signal?: AbortSignal): Promise<TeeEvidence>
}

/** The evidence of the first collector that this machine has; undefined when it has none. @throws TeapotError `collect/no-report` */
export async function collectTee(
  collectors: readonly Collector[],
  reportData: Uint8Array,
  signal?: AbortSignal,
): Promise<TeeEvidence | undefined> {
  for (const collector of collectors) {
    if (await collector.available(signal)) return collector.collect(reportData, signal)
  }
  return undefined
}

/** The error for a machine that should give a report, and does not. */
export function noReport(name: string, expected: string, cause: unknown, fix: string): TeapotError {
  const found = cause instanceof Error ? cause.message : String(cause)
  return new TeapotError(
    'collect/no-report',
    `Cannot collect from ${name}: expected ${expected}, found: ${found}; ${fix}`,
    {
      kind: 'unavailable',
      cause,
    },
  )
}
