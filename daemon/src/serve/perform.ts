import type { CallMode } from '@teapot-network/trust'
import type { Answer, Call, IssuedReceipt, Result, ServeParts } from './parts.ts'

/** An answer and what is known of its proof. */
export interface Performed {
  answer: Answer
  issued?: IssuedReceipt
  /** Only in mode `inline`. */
  receipt?: Uint8Array
}

/**
 * The way of every call through the box, between opening the request and closing the answer: host, then receipts.
 * Calls that an actor refused or failed at get a receipt too. An inline result whose receipt failed never leaves the machine.
 */
export function perform(
  { caller, receipts }: Pick<ServeParts, 'caller' | 'receipts'>,
  call: Call,
  mode: CallMode,
  done: (failure: Error | undefined, performed: Performed | undefined) => void,
): void {
  caller.call(call, (answer) => {
    const { actor } = answer
    if (receipts === undefined || actor === undefined) return done(undefined, { answer })
    let issued: IssuedReceipt
    try {
      issued = receipts.issue({ call, answer: answer as Result['answer'] }, (failure, receipt) => {
        if (mode === 'inline') done(failure, failure === undefined ? { answer, issued, receipt } : undefined)
      })
    } catch (failure) {
      return done(failure as Error, undefined)
    }
    if (mode === 'later') done(undefined, { answer, issued })
  })
}
