import { type Hex, TeapotError } from '@teapot-network/trust'
import { decodeErrorResult } from 'viem'
import { abis } from './deployment.ts'

/** A contract refused a transaction; code `ledger/reverted`. */
export class LedgerRevert extends TeapotError {
  /** Name of the custom error, e.g. `QuorumMissed`; `undefined` if the revert carried none of ours. */
  readonly errorName: string | undefined
  readonly args: readonly unknown[]

  constructor(
    functionName: string,
    errorName: string | undefined,
    args: readonly unknown[],
    { where = '', ...options }: { cause?: unknown; where?: string | undefined },
  ) {
    const found = errorName ? `${errorName}(${args.map(String).join(', ')})` : 'a revert without a known reason'
    super(
      'ledger/reverted',
      `Expected the ledger to accept ${functionName}, found ${found}${where}. See spec/ledger.md.`,
      options,
    )
    this.errorName = errorName
    this.args = args
  }
}

const errorAbi = Object.values(abis).flatMap((abi) => abi.filter((item) => item.type === 'error'))

/** Turns revert data into the contract's own words. @param where it was learned, if not from the call itself */
export function revertOf(functionName: string, data: Hex | undefined, cause?: unknown, where?: string): LedgerRevert {
  try {
    const { errorName, args } = decodeErrorResult({ abi: errorAbi, data: data ?? '0x' })
    return new LedgerRevert(functionName, errorName, (args as readonly unknown[] | undefined) ?? [], { cause, where })
  } catch {
    return new LedgerRevert(functionName, undefined, [], { cause })
  }
}
