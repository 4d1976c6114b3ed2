import { type LedgerFacts, type NodeId, type NodeRecord, TeapotError } from '@teapot-network/trust'

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

/** A node by its id, whatever its status. @throws TeapotError `sdk/unknown-node` */
export function registeredNode(facts: LedgerFacts, id: NodeId): Node {
  const record = facts.nodes.find((node) => node.id === id)
  const url = record && httpContact(record.contact)
  if (record !== undefined && url !== undefined) return { id, url, record }
  const found = record === undefined ? 'no such node' : `the contact ${record.contact.slice(0, 80)}`
  throw new TeapotError(
    'sdk/unknown-node',
    `Cannot dial ${id}: expected a registered node with an HTTP contact, found ${found}`,
  )
}

/** The `http` address of a contact text; undefined when there is none that may be dialled: operators write what they like. */
export function httpContact(contact: string): string | undefined {
  try {
    const { http } = JSON.parse(contact) as { http?: unknown }
    if (typeof http !== 'string') return undefined
    const { protocol, username, password, href } = new URL(http)
    if ((protocol !== 'http:' && protocol !== 'https:') || username !== '' || password !== '') return undefined
    // Paths are added to it, and must not end in a query.
    if (/[?#]/.test(href)) return undefined
    return href.replace(/\/+$/, '')
  } catch {
    return undefined
  }
}
