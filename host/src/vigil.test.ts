import { expect, test } from 'vitest'
import { Vigil, VigilTrial } from './vigil.ts'

/** How many of so many calls were waited for awake, when each way takes so long. */
function awakeOf(calls: number, awakeMs: number, asleepMs: number, trial = new VigilTrial()): number {
  let awake = 0
  for (let i = 0; i < calls; i++) {
    if (trial.awake) awake++
    trial.note(trial.awake ? awakeMs : asleepMs)
  }
  return awake
}

test('Where it makes answers faster, nearly all calls are waited for awake', () => {
  expect(awakeOf(10_000, 0.02, 0.12)).toBeGreaterThan(9_000)
})

test('Where it does not, or hardly, nearly none is', () => {
  expect(awakeOf(10_000, 0.2, 0.05)).toBeLessThan(1_000)
  expect(awakeOf(10_000, 0.115, 0.12)).toBeLessThan(1_000)
  expect(awakeOf(10_000, 300, 300)).toBeLessThan(1_000)
})

test('A machine that changes is found out', () => {
  const trial = new VigilTrial()
  awakeOf(5_000, 0.02, 0.12, trial)
  awakeOf(2_000, 0.3, 0.1, trial)
  expect(awakeOf(5_000, 0.3, 0.1, trial)).toBeLessThan(1_000)
  awakeOf(2_000, 0.02, 0.12, trial)
  expect(awakeOf(5_000, 0.02, 0.12, trial)).toBeGreaterThan(4_000)
})

/** Turns of the event loop that are asked for now. */
const turnsAsked = () => process.getActiveResourcesInfo().filter((what) => what === 'Immediate').length

test('A vigil lets everything else run, until it is ended', async () => {
  const vigil = new Vigil(600_000_000)
  vigil.start()
  vigil.start()
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(turnsAsked()).toBeGreaterThan(0)
  vigil.end()
  await expect.poll(turnsAsked).toBe(0)
})

test('A vigil ends by itself, and one of no time does not begin', async () => {
  const before = turnsAsked()
  new Vigil(0).start()
  expect(turnsAsked()).toBe(before)
  new Vigil(20_000).start()
  expect(turnsAsked()).toBe(before + 1)
  await expect.poll(turnsAsked).toBe(0)
})
