import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BlockIndex } from './block-index.ts'

const QUOTA = 100
const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
const step = fc.oneof(
  fc.record({ do: fc.constant('put' as const), key, size: fc.integer({ min: 1, max: 60 }) }),
  fc.record({ do: fc.constantFrom('use' as const, 'forget' as const, 'need' as const, 'unneed' as const), key }),
)

test('however it is used, the quota holds, and only the least recently used blocks that nobody needs leave', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const index = new BlockIndex(QUOTA)
      let model: [key: string, size: number][] = []
      const needed = new Map<string, number>()
      const isNeeded = (key: string) => (needed.get(key) ?? 0) > 0
      for (const step of steps) {
        const found = model.find(([key]) => key === step.key)
        if (step.do === 'need') needed.set(step.key, (needed.get(step.key) ?? 0) + 1)
        if (step.do === 'unneed') needed.set(step.key, Math.max(0, (needed.get(step.key) ?? 0) - 1))
        if (step.do === 'need' || step.do === 'unneed') index[step.do](step.key)
        if (step.do === 'use' && found) model = [...model.filter((entry) => entry !== found), found]
        if (step.do === 'forget') model = model.filter((entry) => entry !== found)
        if (step.do === 'use' || step.do === 'forget') index[step.do](step.key)
        if (step.do === 'put' && !found) {
          const free = model.filter(([key]) => !isNeeded(key))
          const gone: string[] = []
          let used = model.reduce((sum, [, size]) => sum + size, step.size)
          while (used > QUOTA && free.length > 0) {
            const [key, size] = free.shift()!
            gone.push(key)
            used -= size
          }
          if (used > QUOTA) {
            expect(() => index.reserve(step.size)).toThrow(expect.objectContaining({ code: 'content/quota-exceeded' }))
          } else {
            expect(index.reserve(step.size).map(([key]) => key)).toEqual(gone)
            index.commit(step.key, { sizeBytes: step.size, touchedMs: 0 })
            model = [...model.filter(([key]) => !gone.includes(key)), [step.key, step.size]]
          }
        }
        expect(index.keys()).toEqual(model.map(([key]) => key))
        expect(index.usedBytes).toBe(model.reduce((sum, [, size]) => sum + size, 0))
        expect(index.usedBytes).toBeLessThanOrEqual(QUOTA)
      }
    }),
  )
})
