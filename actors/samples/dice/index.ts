/** `roll`: how many dice, as text → what they show, and their sum. */
export function roll(payload: Uint8Array): string {
  const asked = new TextDecoder().decode(payload)
  const dice = Number(asked)
  if (!Number.isInteger(dice) || dice < 1 || dice > 100) throw new Error(`Expected 1 to 100 dice, found ${asked}`)
  const shown = Array.from({ length: dice }, () => 1 + Math.floor(Math.random() * 6))
  return `${shown.join(' ')} = ${shown.reduce((sum, one) => sum + one, 0)}`
}
