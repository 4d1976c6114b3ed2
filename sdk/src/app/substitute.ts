const REFERENCE = /\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}/g

/** A text with `${NAME}` and `${NAME:default}` filled in, and which names had neither a value nor a default. `$${NAME}` stays `${NAME}`. */
export function substitute(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
): { text: string; unset: string[] } {
  const unset: string[] = []
  const filled = text.replace(REFERENCE, (whole, escaped: string | undefined, name: string, fallback?: string) => {
    if (escaped !== undefined) return whole.slice(1)
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined
    if (value === undefined && fallback === undefined) unset.push(name)
    return value ?? fallback ?? ''
  })
  return { text: filled, unset }
}
