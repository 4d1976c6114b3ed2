/** Counts what the server did, as Prometheus text (exposition format 0.0.4). */
export interface ServeMetrics {
  inFlight: number
  /** Bytes of bodies of more than one chunk, from the first to the end of the answer. */
  readonly bodyBytes: number
  /** Adds to {@link bodyBytes}. */
  hold(bytes: number): void
  /** Counts a call that was answered; `outcome` is `ok` or an error code of ours, so the set stays small. */
  answered(outcome: string, sealed: boolean, seconds: number): void
  /** Counts a request that never reached an actor. */
  refused(code: string): void
  render(): string
}

export function createServeMetrics(): ServeMetrics {
  const calls = { plain: new Map<string, number>(), sealed: new Map<string, number>() }
  const refusals = new Map<string, number>()
  let secondsSum = 0
  let bodyBytes = 0
  const metrics: ServeMetrics = {
    inFlight: 0,
    get bodyBytes() {
      return bodyBytes
    },
    hold(bytes) {
      bodyBytes += bytes
    },
    answered(outcome, sealed, seconds) {
      const of = sealed ? calls.sealed : calls.plain
      of.set(outcome, (of.get(outcome) ?? 0) + 1)
      secondsSum += seconds
    },
    refused(code) {
      refusals.set(code, (refusals.get(code) ?? 0) + 1)
    },
    render() {
      const lines = ['# TYPE teapot_calls_total counter']
      let count = 0
      for (const [kind, of] of Object.entries(calls)) {
        for (const [outcome, n] of of) {
          lines.push(`teapot_calls_total{outcome="${outcome}",sealed="${kind === 'sealed'}"} ${n}`)
          count += n
        }
      }
      lines.push('# TYPE teapot_call_seconds summary', `teapot_call_seconds_sum ${secondsSum}`)
      lines.push(`teapot_call_seconds_count ${count}`)
      lines.push('# TYPE teapot_calls_in_flight gauge', `teapot_calls_in_flight ${metrics.inFlight}`)
      lines.push('# TYPE teapot_body_bytes gauge', `teapot_body_bytes ${bodyBytes}`)
      lines.push('# TYPE teapot_requests_refused_total counter')
      for (const [code, n] of refusals) lines.push(`teapot_requests_refused_total{code="${code}"} ${n}`)
      return `${lines.join('\n')}\n`
    },
  }
  return metrics
}
