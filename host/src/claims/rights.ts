/** What connects an actor to one capability (spec/host.md §7). */
export interface Binding {
  /** What the actor calls it by; `default` where it has but one. */
  readonly name: string
  /** The capability id, such as `wascc:keyvalue`. */
  readonly capability: string
  /** Name of the provider on the ledger; without it, whichever serves the capability. */
  readonly provider?: string
  /** What the provider is told about this binding. */
  readonly settings?: Readonly<Record<string, string>>
}

/** Where an actor's rights come from. A right takes all three. */
export interface RightsOf {
  readonly name: string
  readonly version: number
  /** Capabilities granted on the ledger. */
  readonly grants: readonly string[]
  /** Capabilities claimed by the module itself; undefined for a module without claims, which claims whatever it is granted. */
  readonly claims: readonly string[] | undefined
  /** Bindings of a manifest that covers the actor; undefined without one: then each grant has the binding `default`. */
  readonly bindings: readonly Binding[] | undefined
}

/** The binding that serves a call, or which of the three sources of a right was missing, with a sentence for people. */
export type RightsAnswer =
  | { readonly binding: Binding; readonly missing?: undefined }
  | { readonly missing: 'grant' | 'claim' | 'binding'; readonly text: string }

/** What one release of an actor may use. */
export interface Rights {
  /** Capabilities that are granted, claimed and bound, in the order of the grants. */
  readonly capabilities: readonly string[]
  /** The bindings that serve them. */
  readonly bindings: readonly Binding[]
  /**
   * Whether the actor may use a capability through a binding.
   * @param binding as the actor named it; `default` and an empty name are also the only binding of a capability
   * @param operation for the sentence
   * @param alias another id of the same thing: of an actor `actor:<name>` and its public key, whichever the caller did not use
   */
  check(binding: string, capability: string, operation?: string, alias?: string): RightsAnswer
}

/** The name of a binding that has none of its own. */
export const DEFAULT_BINDING = 'default'

/** Effective rights: ledger grant ∩ claims of the module ∩ bindings (spec/host.md §7.1). */
export function createRights({ name, version, grants, claims, bindings }: RightsOf): Rights {
  const granted = new Set(grants)
  const claimed = claims && new Set(claims)
  const every = bindings ?? [...granted].map((capability): Binding => ({ name: DEFAULT_BINDING, capability }))
  const bound = Map.groupBy(every, ({ capability }) => capability)
  const isAllowed = (id: string) => granted.has(id) && (claimed?.has(id) ?? true)
  const refuse = (missing: 'grant' | 'claim' | 'binding', from: string, held: readonly string[], fix: string) => {
    const what = held.length === 0 ? 'nothing' : held.map(printable).join(', ')
    return { missing, text: `Expected ${name} v${version} to use what ${from} (${what}), found ${fix}` } as const
  }
  return {
    capabilities: [...granted].filter((id) => isAllowed(id) && bound.has(id)),
    bindings: every.filter(({ capability }) => isAllowed(capability)),
    check(binding, capability, operation = '', alias = capability) {
      const wanted = `${printable(capability) || 'a nameless capability'} ${printable(operation)}`.trimEnd()
      const has = (ids: { has(id: string): boolean }) => ids.has(capability) || ids.has(alias)
      if (!has(granted))
        return refuse('grant', 'it was granted', grants, `a call of ${wanted}: publish it with that grant`)
      if (claimed !== undefined && !has(claimed))
        return refuse(
          'claim',
          'its module claims',
          [...claimed],
          `a call of ${wanted}: sign the module with that claim`,
        )
      const candidates = bound.get(capability) ?? bound.get(alias) ?? []
      const found = pick(candidates, binding)
      if (found !== undefined) return { binding: found }
      const held = [...bound.values()].flat().map((one) => `${one.name} of ${one.capability}`)
      const asked = `binding ${printable(binding) || "''"} of ${wanted}`
      return refuse('binding', 'is bound for it', held, `a call of ${asked}: add the binding to the manifest`)
    },
  }
}

function pick(candidates: readonly Binding[], name: string): Binding | undefined {
  const exact = candidates.find((binding) => binding.name === name)
  if (exact !== undefined || (name !== '' && name !== DEFAULT_BINDING)) return exact
  return candidates.length === 1 ? candidates[0] : candidates.find((binding) => binding.name === DEFAULT_BINDING)
}

/** Ids come from ledgers, modules and guests: nothing that could repaint a terminal, or fill it. */
function printable(text: string): string {
  return text.slice(0, 64).replace(/[^\x20-\x7e]/g, '?')
}
