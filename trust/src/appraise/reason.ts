import type { Reason } from '../verdict.ts'

/** What is told of a failed step: all four, so that whoever reads it can act. */
export interface Failure {
  expected: string
  found: string
  source: string
  fix: string
}

/** A step that passed. @param found what was found, shown beside the title */
export function pass(id: string, title: string, found?: string): Reason {
  return found === undefined ? { id, status: 'pass', title } : { id, status: 'pass', title, found }
}

/** A step that failed. */
export function fail(id: string, title: string, failure: Failure): Reason {
  return { id, status: 'fail', title, ...failure }
}

/** A step that could not be taken. @param found why not */
export function unchecked(id: string, title: string, found?: string): Reason {
  return found === undefined ? { id, status: 'unchecked', title } : { id, status: 'unchecked', title, found }
}

/** Passed when `holds`, else failed. @param failure made when it is told, where making it for each that passes would take time */
export function check(id: string, title: string, holds: boolean, failure: Failure | (() => Failure)): Reason {
  if (holds) return pass(id, title)
  return fail(id, title, typeof failure === 'function' ? failure() : failure)
}

/** A step made of steps: fails when one of them does, passes when none does and one passed. */
export function group(id: string, title: string, because: Reason[]): Reason {
  const has = (status: Reason['status']) => because.some((reason) => reason.status === status)
  return { id, status: has('fail') ? 'fail' : has('pass') ? 'pass' : 'unchecked', title, because }
}

/** The first failed step that has no failed step beneath it. */
export function firstFailure(reasons: readonly Reason[]): Reason | undefined {
  for (const reason of reasons) {
    if (reason.status === 'fail') return firstFailure(reason.because ?? []) ?? reason
  }
  return undefined
}

/** What a verdict says that this failed step decides. */
export function decidedBy(reason: Reason): { summary: string; fix: string } {
  return { summary: `Expected ${reason.expected}, found ${reason.found}.`, fix: reason.fix! }
}

/** The beginning of a digest or id, for people. */
export function short(hex: string): string {
  return hex.length > 18 ? `${hex.slice(0, 18)}…` : hex
}
