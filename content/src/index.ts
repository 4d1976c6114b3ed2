export {
  type BlockStore,
  type BlockStoreOptions,
  type BlockStoreUsage,
  createBlockStore,
  type Hold,
} from './block-store.ts'
export { cidOfDigest, MAX_BLOCK_BYTES, MAX_SINGLE_BLOCK_BYTES } from './cid.ts'
export {
  type AddOptions,
  type ContentNode,
  type ContentNodeOptions,
  type ContentStats,
  createContentNode,
} from './content-node.ts'
export type { DirectoryEntry } from './dag.ts'
export type { ContentEvent, ContentEventListener } from './events.ts'
export type { FetchOptions } from './fetch-dag.ts'
export type { GatewayHandler } from './gateway.ts'
export { mediaTypeOf } from './media-type.ts'
