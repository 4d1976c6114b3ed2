const LAST_PRIME = 167
const SQUARES = [9, 25, 49, 121]

/**
 * Whether an RSA key is of those that Infineon's chips made until 2017, which can be factored: modulo each small prime it is a power of
 * 65537 (CVE-2017-15361; Nemec and others, "The Return of Coppersmith's Attack"). Of others, one in some hundred million is, too.
 */
export function isWeakRsa(modulus: bigint): boolean {
  for (let prime = 3; prime <= LAST_PRIME; prime += 2) {
    // Products of different primes tell no less; those of a prime with itself tell nothing.
    if (SQUARES.some((square) => prime % square === 0)) continue
    const rest = Number(modulus % BigInt(prime))
    let power = 1
    do power = (power * 65537) % prime
    while (power !== rest && power !== 1)
    if (power !== rest) return false
  }
  return true
}
