import { type NodeId, TeapotError } from '@teapot-network/trust'

/** The one node whose id begins so. @throws TeapotError `cli/usage` */
export function findNode<Node extends { id: NodeId }>(nodes: readonly Node[], start: string): Node {
  const prefix = start.startsWith('0x') ? start : `0x${start}`
  const found = nodes.filter(({ id }) => id.startsWith(prefix))
  if (found.length === 1) return found[0]!
  throw new TeapotError(
    'cli/usage',
    `Cannot tell the node: expected one id that begins with ${prefix}, found ${found.length}; teapot status lists them`,
  )
}
