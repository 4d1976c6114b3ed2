import { GuestFault } from '../../guest-fault.ts'
import { Resource } from '../resource.ts'
import type { World } from '../world.ts'
import type { Answer } from './answer.ts'

/** `wasi:io/poll.pollable`: something that is ready now, at a moment of the monotonic clock, or once an answer is there. */
export class Pollable extends Resource {
  readonly at: bigint
  /** What a provider was asked for. */
  readonly answer: Answer<unknown> | undefined

  /** @param at nanoseconds of the monotonic clock; without, it is ready from the start */
  constructor(world: World, at = 0n, answer?: Answer<unknown>) {
    super(world)
    this.at = at
    this.answer = answer
  }

  // ready: func() -> bool
  ready(): boolean {
    this.world.charge()
    return this.isReady()
  }

  // block: func()
  async block(): Promise<void> {
    this.world.charge()
    await waitForFirst(this.world, [this])
  }

  /** Without fuel, for {@link poll}. */
  isReady(): boolean {
    if (this.answer !== undefined) return this.answer.settled
    return this.at === 0n || this.world.surroundings.monotonicClock() >= this.at
  }
}

/** Waits until one of them is ready. @returns the indices of those that are */
export async function poll(world: World, pollables: readonly Pollable[]): Promise<Uint32Array> {
  world.charge(pollables.length * 4)
  if (pollables.length === 0) throw new GuestFault('trap', 'Expected something to poll, found an empty list')
  await waitForFirst(world, pollables)
  return Uint32Array.from(pollables.flatMap((pollable, i) => (pollable.isReady() ? [i] : [])))
}

async function waitForFirst(world: World, pollables: readonly Pollable[]): Promise<void> {
  const answers = pollables.flatMap(({ answer }) => answer ?? [])
  if (answers.some(({ settled }) => settled)) return
  const timed = pollables.filter(({ answer }) => answer === undefined)
  const open = answers.filter(({ begun }) => begun).map(({ end }) => end)
  if (timed.length === 0 && open.length === 0)
    throw new GuestFault(
      'trap',
      'Expected a request to be finished before its answer is waited for, found one that is not',
    )
  if (timed.length > 0) {
    let first = timed[0]!.at
    for (const { at } of timed) if (at < first) first = at
    open.push(waitUntil(world, first))
  }
  await Promise.race(open)
}

async function waitUntil(world: World, at: bigint): Promise<void> {
  if (at === 0n) return
  for (;;) {
    const left = at - world.surroundings.monotonicClock()
    if (left <= 0n) return
    await world.surroundings.sleep(left)
  }
}
