import type { CallMode, CallResponse } from '@teapot-network/trust/call'
import type { Call, Performed, Result, ServeParts } from './parts.ts'

/** All of it as one record, the way callers get it sealed. */
export function responseOf({ answer, issued, receipt }: Performed): CallResponse {
  return {
    outcome: answer.outcome,
    payload: answer.payload,
    claims: issued?.claims ?? new Uint8Array(0),
    salt: issued?.salt ?? new Uint8Array(16),
    receipt: receipt ?? null,
    id: issued?.id ?? '',
    trace: answer.trace ?? null,
    children: issued?.children ?? [],
  }
}

/**
 * The way of every call through the box, between opening the request and closing the answer: host, then receipts.
 * Calls that an actor refused or failed at get a receipt too. An inline result whose receipt failed never leaves the machine.
 */
export function perform(
  { caller, receipts }: Pick<ServeParts, 'caller' | 'receipts'>,
  call: Call,
  mode: CallMode,
  done: (failure: unknown, performed: Performed | undefined) => void,
): void {
  const failed = (failure: unknown) => done(failure, undefined)
  // Nobody is below: what fails at making an answer of what an actor gave must end the call, and not the node.
  const told = (performed: Performed) => {
    try {
      done(undefined, performed)
    } catch (fault) {
      failed(fault)
    }
  }
  caller.call(call, (answer) => {
    if (receipts === undefined || answer.actor === undefined) return told({ answer })
    const result: Result = { call, answer: answer as Result['answer'] }
    try {
      if (mode === 'later') told({ answer, issued: receipts.issueLater(result) })
      else receipts.issue(result).then((issued) => told({ answer, issued, receipt: issued.receipt }), failed)
    } catch (failure) {
      failed(failure)
    }
  })
}
