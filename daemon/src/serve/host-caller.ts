import { type ActorRelease, type Host, HostError, type NestedCall } from '@teapot-network/host'
import { type Digest, utf8 } from '@teapot-network/trust'
import type { Answer, AnsweringActor, Call, Caller, Result } from './parts.ts'
import { asTeapotError } from './reply.ts'

/**
 * Runs calls in the host.
 * @param provision brings an actor that is not loaded (fetch, verify, measure, load) and says whether it did; by default nothing is brought
 */
export function createHostCaller(
  host: Pick<Host, 'call'>,
  provision: (actor: string) => Promise<boolean> = async () => false,
): Caller {
  const actors = new WeakMap<ActorRelease, AnsweringActor>()

  /** The same object for the same release: claims are encoded once for each. */
  function actorOf(release: ActorRelease): AnsweringActor {
    let actor = actors.get(release)
    if (actor === undefined) {
      const { name, version, digest, grants } = release
      actor = { name, version, sha256: digest as Digest, grants }
      actors.set(release, actor)
    }
    return actor
  }

  function resultOf({ release, operation, payload, outcome, answer, fuel, calls }: NestedCall): Result {
    const ended: Result['answer'] = { outcome, payload: answer, actor: actorOf(release) }
    if (fuel !== undefined) ended.fuel = fuel
    if (calls.length > 0) ended.calls = calls.map(resultOf)
    return { call: { actor: release.name, operation, payload }, answer: ended }
  }

  function answerOf(failure: unknown): Answer {
    const { code, message, kind } = failure instanceof HostError ? failure : asTeapotError(failure)
    const answer: Answer = { outcome: code, payload: utf8(message), kind }
    if (!(failure instanceof HostError)) return answer
    const { release, fuel, trace, calls } = failure
    if (release !== undefined) answer.actor = actorOf(release)
    if (fuel !== undefined) answer.fuel = fuel
    if (trace !== undefined) answer.trace = trace
    if (calls !== undefined && calls.length > 0) answer.calls = calls.map(resultOf)
    return answer
  }

  function run(call: Call, done: (answer: Answer) => void, failed: (failure: unknown) => void): void {
    host.call(call).then((result) => {
      const { payload, release, fuel, trace, calls } = result
      const answer: Answer = { outcome: 'ok', payload, actor: actorOf(release), fuel }
      if (trace !== undefined) answer.trace = trace
      if (calls.length > 0) answer.calls = calls.map(resultOf)
      done(answer)
    }, failed)
  }

  return {
    call(call, done) {
      run(call, done, (failure) => {
        if (!(failure instanceof HostError) || failure.code !== 'host/unknown-actor') done(answerOf(failure))
        else {
          provision(call.actor).then(
            (brought) => (brought ? run(call, done, (again) => done(answerOf(again))) : done(answerOf(failure))),
            (reason) => done(answerOf(reason)),
          )
        }
      })
    },
  }
}
