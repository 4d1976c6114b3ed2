import { ProviderRefusal } from '../../provider.ts'

const MAX_CHARACTERS = 256
/** A token: anything without dots, spaces, control characters and wildcards. */
const TOKEN = /^[^\s.*>\p{Cc}]+$/u

/** Whether a subject matches a pattern, both in tokens. */
export type SubjectTest = (subject: readonly string[]) => boolean

/**
 * Parts a subject to publish to at its dots.
 * @throws ProviderRefusal `provider/bad-subject`
 */
export function parseSubject(text: string): string[] {
  const tokens = text.split('.')
  if (text.length <= MAX_CHARACTERS && tokens.every((token) => TOKEN.test(token))) return tokens
  throw badSubject('a subject such as orders.new', text)
}

/**
 * Reads a pattern as NATS has them: tokens parted by dots, `*` for any one token, `>` at the end for one or more.
 * @throws ProviderRefusal `provider/bad-subject`
 */
export function parsePattern(text: string): SubjectTest {
  const tokens = text.split('.')
  const open = tokens.at(-1) === '>'
  if (open) tokens.pop()
  if (text.length > MAX_CHARACTERS || !tokens.every((token) => token === '*' || TOKEN.test(token)))
    throw badSubject('a pattern such as orders.* or orders.>', text)
  return (subject) =>
    (open ? subject.length > tokens.length : subject.length === tokens.length) &&
    tokens.every((token, index) => token === '*' || token === subject[index])
}

function badSubject(expected: string, found: string): ProviderRefusal {
  return new ProviderRefusal(
    'provider/bad-subject',
    `Expected ${expected}, found ${JSON.stringify(found.slice(0, 80))}`,
  )
}
