import { type Hex, TeapotError } from '@teapot-network/trust'
import type { ContractName } from './deployment.ts'
import type { Endpoints, Reading } from './endpoints.ts'
import { encodeList, type Page } from './facts.ts'

/** Reads so many items of a list at a time: some 5 million gas for entries of the usual size. */
const PAGE_SIZE = 200

/**
 * Reads one registry's whole list. When the first page is word for word as before, so are the others: it tells a revision.
 * Anyone may publish, entries as large as they may be: a page that is more than an endpoint lets a call read is asked for in smaller ones.
 */
export function createTable<T>(
  endpoints: Endpoints,
  contract: ContractName,
  decode: (data: Hex) => Page<T>,
): { read(reading: Reading): Promise<T[]> } {
  let cached: { firstPage: Hex; items: T[] } | undefined
  let size = PAGE_SIZE

  async function page(offset: number, reading: Reading): Promise<Hex> {
    for (;;) {
      try {
        return await endpoints.call(contract, encodeList(offset, size), reading)
      } catch (error) {
        const refused = error instanceof TeapotError && error.code === 'ledger/rpc-error'
        if (!refused || size === 1) throw error
        size = Math.ceil(size / 2)
      }
    }
  }

  return {
    async read(reading) {
      // What was refused may have been for another reason.
      size = Math.min(PAGE_SIZE, 2 * size)
      const firstPage = await page(0, reading)
      if (cached?.firstPage === firstPage) return cached.items
      const items: T[] = []
      for (let data = firstPage; ; data = await page(items.length, reading)) {
        const more = decode(data).items
        items.push(...more)
        if (more.length < size) break
      }
      cached = { firstPage, items }
      return items
    },
  }
}
