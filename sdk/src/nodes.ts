import type { LedgerFacts, NodeId, NodeRecord } from '@teapot-network/trust'

/** A node that the ledger calls Active and that says where it listens. */
export interface Node {
  id: NodeId
  /** Base URL of its API, no trailing slash. */
  url: string
  record: NodeRecord
}

/** The Active nodes of the ledger that can be dialled over HTTP, in the ledger's order. */
export function activeNodes(facts: LedgerFacts): Node[] {
  const nodes: Node[] = []
  for (const record of facts.nodes) {
    if (record.status !== 'active') continue
    const url = httpContact(record.contact)
    if (url !== undefined) nodes.push({ id: record.id, url, record })
  }
  return nodes
}

/** The `http` address of a contact text; undefined when there is none that may be dialled: operators write what they like. */
export function httpContact(contact: string): string | undefined {
  try {
    const { http } = JSON.parse(contact) as { http?: unknown }
    if (typeof http !== 'string') return undefined
    const { protocol, username, password, href } = new URL(http)
    if ((protocol !== 'http:' && protocol !== 'https:') || username !== '' || password !== '') return undefined
    return href.replace(/\/+$/, '')
  } catch {
    return undefined
  }
}
