import { headOf, isList, type List, readScript } from './read-script.ts'

/** Legacy `(try (do …) (catch $tag …))` as `try … catch $tag … end`, the only form of it that our assembler reads. */
export function unfoldTry(text: string): string {
  const edits: { at: number; length: number; by: string }[] = []
  for (const list of readScript(text)) collect(list, edits)
  let result = text
  for (const { at, length, by } of edits.toSorted((a, b) => b.at - a.at))
    result = result.slice(0, at) + by + result.slice(at + length)
  return result
}

function collect(list: List, edits: { at: number; length: number; by: string }[]): void {
  const arms = list.items.filter(isList)
  for (const item of arms) collect(item, edits)
  if (headOf(list) !== 'try' || !arms.some((arm) => headOf(arm) === 'do')) return
  for (const arm of arms.filter((one) => /^(do|catch|catch_all|delegate)$/.test(headOf(one)))) {
    const isDo = headOf(arm) === 'do'
    edits.push({ at: arm.start, length: isDo ? 3 : 1, by: ' ' }, { at: arm.end - 1, length: 1, by: ' ' })
  }
  const delegates = arms.some((arm) => headOf(arm) === 'delegate')
  edits.push({ at: list.start, length: 1, by: ' ' }, { at: list.end - 1, length: 1, by: delegates ? ' ' : ' end ' })
}
