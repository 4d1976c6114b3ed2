import { expect, test } from 'vitest'
import { GuestFault } from '../abi/guest-fault.ts'
import { hostileComponent } from '../testing/hostile-component.ts'
import { componentFixture, parseWat } from '../testing/parse-wat.ts'
import { transpileComponent } from './transpile-component.ts'

const actor = await componentFixture('actor')

async function failureOf(component: Uint8Array | Promise<Uint8Array>): Promise<{ failure: string; message: string }> {
  try {
    await transpileComponent(await component, { maxPages: 64, maxTableElements: 64 })
  } catch (error) {
    if (!(error instanceof GuestFault)) throw error
    return { failure: error.failure, message: error.message }
  }
  throw new Error('Expected a refusal, found a bundle')
}

test('What is no component, or a broken one, is refused with the reason', async () => {
  for (const bytes of [new Uint8Array(0), Buffer.from('no component'), actor.subarray(0, 600)])
    expect(await failureOf(bytes)).toMatchObject({ failure: 'bad-module', message: expect.stringMatching(/^Expected/) })
  const invalid = Uint8Array.from(actor)
  // An index of a type that is not there.
  invalid[invalid.lastIndexOf(0x0b) - 1] = 0x7f
  expect(await failureOf(invalid)).toMatchObject({ failure: 'bad-module' })
})

test('A script in a name does not come as far as the generator', async () => {
  expect(await failureOf(parseWat(hostileComponent('import')))).toMatchObject({
    failure: 'bad-module',
    message: expect.stringContaining('Expected names that toolchains use'),
  })
})

test('An import that nobody grants is refused by its name', async () => {
  const importing = (name: string) => parseWat(`(component (import "${name}" (instance)))`)
  for (const name of [
    'wasi:nn/graph@0.2.0',
    'wasi:cli/environment@0.3.0',
    'wasi:cli/environment',
    'to-string:a/b@0.2.0',
  ])
    expect(await failureOf(importing(name)), name).toMatchObject({
      failure: 'forbidden-import',
      message: expect.stringContaining(name),
    })
  for (const name of ['log', 'constructor'])
    expect(await failureOf(parseWat(`(component (import "${name}" (func)))`)), name).toMatchObject({
      failure: 'forbidden-import',
      message: expect.stringContaining(name),
    })
})

test('A library whose imports nobody gives it keeps the whole from loading', async () => {
  const lacking = '(component (component $library (import "read" (func))) (instance (instantiate $library)))'
  expect(await failureOf(parseWat(lacking))).toMatchObject({
    failure: 'bad-module',
    message: expect.stringContaining('missing'),
  })
})
