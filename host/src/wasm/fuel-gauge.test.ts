import { expect, test } from 'vitest'
import { GuestFault } from '../abi/guest-fault.ts'
import { FuelGauge } from './fuel-gauge.ts'

const counter = () => new WebAssembly.Global({ value: 'i64', mutable: true }, 0n)

test('What guests and host use adds up, and a refill forgets it', () => {
  const [first, second] = [counter(), counter()]
  const gauge = new FuelGauge([first, second], 100)
  expect([first.value, second.value, gauge.used]).toEqual([100n, 100n, 0])
  first.value = 90n
  second.value = 70n
  gauge.charge(5)
  expect([gauge.used, gauge.exhausted]).toEqual([45, false])
  gauge.refill()
  expect([first.value, gauge.used]).toEqual([100n, 0])
})

test('A charge beyond the budget is refused, leaves the guest without fuel, and counts as the whole budget', () => {
  const [first, second] = [counter(), counter()]
  const gauge = new FuelGauge([first, second], 100)
  first.value = 50n
  gauge.charge(50)
  expect(gauge.exhausted).toBe(false)
  expect(() => gauge.charge(1)).toThrow(expect.objectContaining({ failure: 'fuel-exhausted' }))
  expect(() => gauge.charge(0)).toThrow(GuestFault)
  expect([first.value, second.value, gauge.used, gauge.exhausted]).toEqual([-1n, -1n, 100, true])
})

test('A counter below zero, and counters that are too much together, are exhaustion', () => {
  const [first, second] = [counter(), counter()]
  const gauge = new FuelGauge([first, second], 100)
  first.value = 0n
  expect(gauge.exhausted).toBe(false)
  second.value = 99n
  expect([gauge.used, gauge.exhausted]).toEqual([100, true])
  gauge.refill()
  first.value = -1n
  expect(gauge.exhausted).toBe(true)
})
