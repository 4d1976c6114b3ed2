import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Binding, createRights, type RightsOf } from './rights.ts'

const KEYVALUE = 'wascc:keyvalue'
const LOGGING = 'wascc:logging'
const OTHER = 'MB4OLDIC3TCZ4Q4TGGOVAZC43VXFE2JQVRAXQMQFXUCREOOFEKOKZTY2'

const rights = (of: Partial<RightsOf>) =>
  createRights({ name: 'greeter', version: 3, grants: [], claims: undefined, bindings: undefined, ...of })

describe('a right takes grant, claim and binding', () => {
  test('an actor that has all three gets the binding, with its settings', () => {
    const binding: Binding = { name: 'main', capability: KEYVALUE, settings: { prefix: 'a' } }
    const all = rights({ grants: [KEYVALUE], claims: [KEYVALUE], bindings: [binding] })
    expect(all.check('main', KEYVALUE)).toEqual({ binding })
    expect([all.capabilities, all.bindings]).toEqual([[KEYVALUE], [binding]])
  })

  test.each<['grant' | 'claim' | 'binding', Partial<RightsOf>, RegExp]>([
    ['grant', { grants: [LOGGING], claims: [KEYVALUE] }, /was granted \(wascc:logging\).*publish/],
    ['claim', { grants: [KEYVALUE], claims: [LOGGING] }, /module claims \(wascc:logging\).*sign/],
    ['claim', { grants: [KEYVALUE], claims: [] }, /module claims \(nothing\)/],
    ['binding', { grants: [KEYVALUE], claims: [KEYVALUE], bindings: [] }, /bound for it \(nothing\).*manifest/],
    [
      'binding',
      { grants: [KEYVALUE], bindings: [{ name: 'default', capability: LOGGING }] },
      /default of wascc:logging/,
    ],
  ])('a missing %s is named', (missing, of, text) => {
    const all = rights(of)
    expect(all.check('default', KEYVALUE)).toEqual({ missing, text: expect.stringMatching(text) })
    expect(all.check('default', KEYVALUE)).toMatchObject({ text: expect.stringContaining('greeter v3') })
    expect(all.capabilities).not.toContain(KEYVALUE)
  })

  test('a module without claims claims what it is granted', () => {
    expect(rights({ grants: [KEYVALUE] }).check('default', KEYVALUE)).toHaveProperty('binding')
  })
})

describe('bindings', () => {
  const bindings = ['source1', 'source2'].map((name) => ({ name, capability: KEYVALUE }))

  test('without a manifest each grant has the binding default, and no other', () => {
    const all = rights({ grants: [KEYVALUE] })
    expect(all.check('', KEYVALUE)).toEqual({ binding: { name: 'default', capability: KEYVALUE } })
    expect(all.check('source1', KEYVALUE)).toMatchObject({ missing: 'binding' })
  })

  test('several of a capability are told apart by name, and none of them is the default', () => {
    const all = rights({ grants: [KEYVALUE], bindings })
    expect(all.check('source2', KEYVALUE)).toEqual({ binding: bindings[1] })
    for (const name of ['', 'default', 'source3'])
      expect(all.check(name, KEYVALUE)).toMatchObject({ missing: 'binding' })
  })

  test('the only one of a capability is also its default', () => {
    const all = rights({ grants: [KEYVALUE], bindings: bindings.slice(1) })
    for (const name of ['', 'default']) expect(all.check(name, KEYVALUE)).toEqual({ binding: bindings[1] })
    expect(all.check('source1', KEYVALUE)).toMatchObject({ missing: 'binding' })
  })
})

test('an actor is called by its name or by its public key, whichever was granted, claimed and bound', () => {
  const all = rights({ grants: ['actor:echo'], claims: [OTHER] })
  expect(all.check('default', 'actor:echo', 'run', OTHER)).toHaveProperty('binding')
  expect(all.check('default', OTHER, 'run', 'actor:echo')).toHaveProperty('binding')
  expect(all.check('default', 'actor:echo')).toMatchObject({ missing: 'claim' })
})

test('what strangers wrote cannot repaint a terminal', () => {
  const answer = rights({ grants: ['\u001b[2J'] }).check('\u202e', 'x\n'.repeat(1000))
  expect(answer).toMatchObject({ text: expect.stringMatching(/^[\x20-\x7e]{1,300}$/) })
})

test('rights are never wider than grants, claims or bindings', () => {
  const id = fc.constantFrom(KEYVALUE, LOGGING, 'actor:echo', OTHER, '', '__proto__', 'constructor')
  const name = fc.constantFrom('default', '', 'a', 'b')
  const ids = fc.array(id, { maxLength: 4 })
  fc.assert(
    fc.property(
      ids,
      fc.option(ids, { nil: undefined }),
      fc.option(fc.array(fc.record({ name, capability: id }), { maxLength: 5 }), { nil: undefined }),
      name,
      id,
      (grants, claims, bindings, binding, capability) => {
        const all = rights({ grants, claims, bindings })
        const answer = all.check(binding, capability)
        const bound = bindings?.some((one) => one.capability === capability) ?? true
        const allowed = grants.includes(capability) && (claims?.includes(capability) ?? true) && bound
        if ('binding' in answer) {
          expect(allowed).toBe(true)
          expect(answer.binding.capability).toBe(capability)
          if (bindings !== undefined) expect(bindings).toContain(answer.binding)
        }
        expect(all.capabilities.includes(capability)).toBe(allowed)
        expect(all.bindings.some((one) => one.capability === capability)).toBe(allowed)
      },
    ),
  )
})
