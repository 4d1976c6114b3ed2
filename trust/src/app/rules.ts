import type { Shape } from '../cbor-shape.ts'

/** The texts of a manifest: what each must match, and how to say so. The JSON Schema of `teapot.yaml` is made of the same. */
export const TEXT_RULES = {
  app: { pattern: '^[a-z0-9][a-z0-9.-]{0,59}$', means: 'lower case, digits, dots and dashes, at most 60' },
  ledgerName: {
    pattern: '^[!-~]{1,64}$',
    means: 'a name as on the ledger: 1 to 64 printable characters without spaces',
  },
  bindingName: { pattern: '^[!-~]{1,64}$', means: '1 to 64 printable characters without spaces' },
  capability: { pattern: '^[!-~]{1,128}$', means: 'a capability id such as wascc:keyvalue' },
  setting: { pattern: '^[!-~]{1,64}$', means: '1 to 64 printable characters without spaces' },
  variable: { pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$', means: 'letters, digits and underscores' },
  value: { pattern: '^[^\\u0000]*$', means: 'a text without NUL' },
  path: {
    pattern: '^/$|^(/(?!\\.\\.?(/|$))[A-Za-z0-9._~-]{1,64}){1,8}$',
    means: '/ or a path such as /api/v1, without a slash at the end',
  },
} as const

const patterns = new Map(Object.entries(TEXT_RULES).map(([name, { pattern }]) => [name, new RegExp(pattern, 'u')]))

/** Refuses a text outside of its rule. */
export function requireFits(shape: Shape, field: string, rule: keyof typeof TEXT_RULES, text: string): string {
  return patterns.get(rule)!.test(text)
    ? text
    : shape.refuse(field, TEXT_RULES[rule].means, JSON.stringify(text.slice(0, 40)))
}

/** Refuses repeats, another order than ascending, too few and too many. */
export function requireOrder(
  shape: Shape,
  field: string,
  keys: readonly string[],
  { least, most }: { least: number; most: number },
): void {
  if (keys.length < least || keys.length > most) shape.refuse(field, `${least} to ${most}`, `${keys.length}`)
  for (let i = 1; i < keys.length; i++) {
    if (keys[i - 1]! >= keys[i]!)
      shape.refuse(field, 'ascending order without repeats', `'${keys[i]}' after '${keys[i - 1]}'`)
  }
}
