import { expect, test } from 'vitest'
import { componentFixture } from '../testing/parse-wat.ts'
import { readSkeleton } from './skeleton.ts'
import { SAMPLE, warmUp } from './warm-up.ts'

test('The sample is the skeleton of the fixture that it says it is', async () => {
  expect(SAMPLE).toBe(Buffer.from(readSkeleton(await componentFixture('world')).bytes).toString('base64'))
})

test('The sample can be transpiled', async () => {
  await warmUp()
})
