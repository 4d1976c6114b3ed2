/** Names counted apart; the rest is summed under `other`, so that strangers cannot fill our memory. */
const MAX_NAMES = 1_000

/** What was served since start. Peers are told apart by the `teapot-peer` header they claim, else by their address. */
export interface Traffic {
  bytes: number
  requests: number
  byCid: { [cid: string]: number }
  byPeer: { [peer: string]: number }
}

/** Counts bytes served by CID and by peer. */
export class TrafficCounter {
  #bytes = 0
  #requests = 0
  readonly #byCid = new Map<string, number>()
  readonly #byPeer = new Map<string, number>()

  count(cid: string, peer: string, bytes: number): void {
    this.#requests++
    this.#bytes += bytes
    add(this.#byCid, cid, bytes)
    add(this.#byPeer, peer, bytes)
  }

  read(): Traffic {
    const [byCid, byPeer] = [Object.fromEntries(this.#byCid), Object.fromEntries(this.#byPeer)]
    return { bytes: this.#bytes, requests: this.#requests, byCid, byPeer }
  }
}

function add(counts: Map<string, number>, name: string, bytes: number): void {
  const key = counts.has(name) || counts.size < MAX_NAMES ? name : 'other'
  counts.set(key, (counts.get(key) ?? 0) + bytes)
}
