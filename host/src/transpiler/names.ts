/** Words of letters and digits with hyphens between: what the component model calls a label (Explainer, "Import and export definitions"). */
const LABEL = '(?:[a-z][a-z0-9]*|[A-Z][A-Z0-9]*)(?:-(?:[a-z0-9]+|[A-Z0-9]+))*'
const VERSION = String.raw`\d{1,9}\.\d{1,9}\.\d{1,9}(?:-[0-9A-Za-z.-]{1,64})?(?:\+[0-9A-Za-z.-]{1,64})?`
const EXTERN = new RegExp(
  String.raw`^(?:${LABEL}|\[constructor\]${LABEL}|\[(?:method|static)\]${LABEL}\.${LABEL}|${LABEL}:${LABEL}/${LABEL}(?:@${VERSION})?)$`,
)
/** What toolchains call things inside: WIT names, the canonical ABI's, indices, and mangled ones. No quote, backslash, brace or space. */
const CORE = /^[\w$.:/@#|+<>=~[\]-]*$/
const LONGEST = 512

/**
 * Whether a component may use this as the name of an import, an export, an argument, or a part of a type.
 * jco writes names into JavaScript without escaping them: what is not allowed here never reaches it.
 */
export function isExternName(name: string): boolean {
  return name.length <= LONGEST && EXTERN.test(name)
}

/** Whether a core module inside of a component may import or export by this name. */
export function isCoreName(name: string): boolean {
  return name.length <= LONGEST && CORE.test(name) && name !== '__proto__'
}

/** An interface's name and version, such as `wasi:io/streams` and `0.2.6`; the version is empty where there is none. */
export function splitVersion(name: string): { name: string; version: string } {
  const at = name.indexOf('@')
  return at < 0 ? { name, version: '' } : { name: name.slice(0, at), version: name.slice(at + 1) }
}
