import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CborValue, decodeCbor, encodeCbor } from '../cbor.ts'
import { promiseParser } from '../parser.behavior.ts'
import {
  type AppBinding,
  type AppManifest,
  CONFIDENTIALITY,
  encodeManifest,
  INTEGRITY,
  ISOLATION,
  LIMIT_NAMES,
  METHODS,
  parseManifest,
} from './index.ts'

const guestbook: AppManifest = {
  v: 1,
  name: 'guestbook',
  actors: [
    {
      name: 'guestbook',
      minVersion: 2,
      bindings: [
        { name: 'default', capability: 'wascc:keyvalue', provider: null, settings: {} },
        { name: 'archive', capability: 'wascc:keyvalue', provider: 'redis', settings: { url: 'secret:redis' } },
      ],
      limits: { memoryPages: 64, fuel: 5_000_000_000 },
      environment: { GREETING: 'Hello' },
    },
    { name: 'audit', minVersion: 1, bindings: [], limits: {}, environment: {} },
  ],
  routes: [
    { path: '/entries', actor: 'guestbook', methods: ['POST', 'GET'] },
    { path: '/', actor: 'guestbook', methods: [] },
  ],
  floor: { integrity: 'none', confidentiality: 'none', isolation: 'user' },
}
const bytes = encodeManifest(guestbook)
const malformed = expect.objectContaining({ code: 'manifest/malformed', kind: 'refused' })

type Fields = Map<string, CborValue>

/** The canonical bytes with one thing changed. */
function change(edit: (root: Fields, actor: Fields, binding: Fields, route: Fields) => void): Uint8Array {
  const root = decodeCbor(bytes) as Fields
  const first = (fields: Fields, name: string, at = 0) => (fields.get(name) as Fields[])[at]!
  const actor = first(root, 'actors', 1)
  edit(root, actor, first(actor, 'bindings'), first(root, 'routes', 1))
  return encodeCbor(root)
}

describe('a manifest', () => {
  promiseParser(parseManifest, { valid: bytes, codes: ['manifest/malformed'] })

  it('comes back as it was, in ascending order', () => {
    const read = parseManifest(bytes)
    expect(read.actors.map(({ name }) => name)).toEqual(['audit', 'guestbook'])
    expect(read.actors[1]!.bindings.map(({ name }) => name)).toEqual(['archive', 'default'])
    expect(read.routes).toEqual([
      { path: '/', actor: 'guestbook', methods: [] },
      { path: '/entries', actor: 'guestbook', methods: ['GET', 'POST'] },
    ])
    expect(read.actors[1]).toMatchObject({ minVersion: 2, limits: guestbook.actors[0]!.limits })
    expect(read.floor).toEqual(guestbook.floor)
    expect(encodeManifest(read)).toEqual(bytes)
  })

  it.each<[string, Uint8Array]>([
    ['a version to come', change((root) => root.set('v', 2))],
    ['an unknown field', change((root) => root.set('acceptAll', true))],
    ['no floor', change((root) => root.delete('floor'))],
    ['a name in capitals', change((root) => root.set('name', 'Guestbook'))],
    ['a name that the ledger has no room for', change((root) => root.set('name', 'a'.repeat(61)))],
    ['no actors', change((root) => root.set('actors', []))],
    ['actors out of order', change((root) => (root.get('actors') as CborValue[]).reverse())],
    ['an actor twice', change((root, actor) => root.set('actors', [actor, actor]))],
    ['an actor with a space', change((_, actor) => actor.set('name', 'guest book'))],
    ['version 0', change((_, actor) => actor.set('minVersion', 0))],
    ['an unknown limit', change((_, actor) => actor.set('limits', { cpus: 1 }))],
    ['a limit below zero', change((_, actor) => actor.set('limits', { fuel: -1 }))],
    ['limits as a list', change((_, actor) => actor.set('limits', []))],
    ['a variable with a dash', change((_, actor) => actor.set('environment', { 'A-B': '' }))],
    ['a variable with NUL', change((_, actor) => actor.set('environment', { A: '\0' }))],
    ['too large an environment', change((_, actor) => actor.set('environment', { A: 'x'.repeat(4096) }))],
    ['a binding twice', change((_, actor, binding) => actor.set('bindings', [binding, binding]))],
    ['a nameless binding', change((_, _actor, binding) => binding.set('name', ''))],
    ['a nameless capability', change((_, _actor, binding) => binding.set('capability', ''))],
    ['a provider that is no text', change((_, _actor, binding) => binding.set('provider', false))],
    ['settings that are no texts', change((_, _actor, binding) => binding.set('settings', { url: 1 }))],
    ['a route to a stranger', change((_, _actor, _binding, route) => route.set('actor', 'stranger'))],
    ['a route upwards', change((_, _actor, _binding, route) => route.set('path', '/../x'))],
    ['a route with a slash at its end', change((_, _actor, _binding, route) => route.set('path', '/x/'))],
    ['an unknown method', change((_, _actor, _binding, route) => route.set('methods', ['BREW']))],
    ['methods out of order', change((_, _actor, _binding, route) => route.set('methods', ['POST', 'GET']))],
    ['an unknown isolation', change((root) => (root.get('floor') as Fields).set('isolation', 'best'))],
  ])('with %s is refused', (_, changed) => {
    expect(() => parseManifest(changed)).toThrow(malformed)
  })

  it('that would be refused is not encoded', () => {
    expect(() => encodeManifest({ ...guestbook, actors: [] })).toThrow(malformed)
  })

  it('of any form reads back as what was encoded', () => {
    const name = fc.stringMatching(/^[!-~]{1,64}$/)
    const texts = fc.dictionary(
      fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,9}$/),
      fc.stringMatching(/^[^\0]{0,20}$/u),
      {
        maxKeys: 4,
      },
    )
    const binding: fc.Arbitrary<AppBinding> = fc.record({
      name,
      capability: name,
      provider: fc.option(name),
      settings: texts,
    })
    const actor = fc.record({
      name,
      minVersion: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      bindings: fc.uniqueArray(binding, { maxLength: 4, selector: ({ capability, name }) => `${capability} ${name}` }),
      limits: fc.dictionary(fc.constantFrom(...LIMIT_NAMES), fc.maxSafeNat()),
      environment: texts,
    })
    const routed = fc.uniqueArray(actor, { minLength: 1, maxLength: 4, selector: ({ name }) => name }).chain((actors) =>
      fc.record({
        v: fc.constant(1 as const),
        name: fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,59}$/),
        actors: fc.constant(actors),
        routes: fc.uniqueArray(
          fc.record({
            path: fc.stringMatching(/^(\/[a-z0-9]{1,8}){1,3}$/),
            actor: fc.constantFrom(...actors.map(({ name }) => name)),
            methods: fc.uniqueArray(fc.constantFrom(...METHODS)),
          }),
          { maxLength: 4, selector: ({ path }) => path },
        ),
        floor: fc.record({
          integrity: fc.constantFrom(...INTEGRITY),
          confidentiality: fc.constantFrom(...CONFIDENTIALITY),
          isolation: fc.constantFrom(...ISOLATION),
        }),
      }),
    )
    fc.assert(
      fc.property(routed, (manifest) => {
        const encoded = encodeManifest(manifest)
        const read = parseManifest(encoded)
        expect(encodeManifest(read)).toEqual(encoded)
        expect(new Set(read.actors.map(({ name }) => name))).toEqual(new Set(manifest.actors.map(({ name }) => name)))
        const sample = manifest.actors[0]!
        const same = read.actors.find((one) => one.name === sample.name)!
        expect({ ...same, bindings: new Set(same.bindings) }).toEqual({ ...sample, bindings: new Set(sample.bindings) })
      }),
    )
  })
})
