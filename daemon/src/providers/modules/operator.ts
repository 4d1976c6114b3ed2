type Operator = Readonly<Record<string, unknown>>

/** A number that the machine's owner may have set. @throws Error that keeps the provider from starting */
export function naturalSetting(operator: Operator, name: string, otherwise: number): number {
  const value = operator[name] ?? otherwise
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw new Error(`Expected a whole number as ${name} in the settings of this machine, found ${JSON.stringify(value)}`)
}

/** A text that the machine's owner may have set. @throws Error that keeps the provider from starting */
export function textSetting(operator: Operator, name: string): string | undefined {
  const value = operator[name]
  if (value === undefined || typeof value === 'string') return value
  throw new Error(`Expected a text as ${name} in the settings of this machine, found ${JSON.stringify(value)}`)
}
