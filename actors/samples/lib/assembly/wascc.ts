import { hostCall, Result } from '@wapc/as-guest'
import { MessagePackWriter, readSingleNumber } from './message-pack'

/** Adds to the number under a key of the key-value capability, and returns the sum. */
export function addToKey(key: string, value: i32): Result<i32> {
  const request = new MessagePackWriter().map(2).text('key').text(key).text('value').number(value)
  const answer = hostCall('default', 'wascc:keyvalue', 'Add', request.toBuffer())
  return answer.isOk ? Result.ok<i32>(readSingleNumber(answer.get())) : Result.error<i32>(answer.error()!)
}

/** Writes a line to the log; level 3 is information. A log that fails must not fail the call. */
export function writeLog(body: string): void {
  const request = new MessagePackWriter().map(2).text('level').number(3).text('body').text(body)
  hostCall('default', 'wascc:logging', 'WriteLog', request.toBuffer())
}
