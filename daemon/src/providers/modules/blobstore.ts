import { join } from 'node:path'
import type { CreateProvider } from '../provider.ts'
import { BlobIndex } from './blobstore/blob-index.ts'
import { Blobs } from './blobstore/blobs.ts'
import { wasccBlobstore } from './blobstore/wascc-operations.ts'
import { wasiBlobstore } from './blobstore/wasi-operations.ts'
import { naturalSetting } from './operator.ts'

/**
 * `wascc:blobstore` and `wasi:blobstore`: an index in SQLite, bytes in sealed blocks of the daemon's content store. Grants
 * `node:sqlite`, `content`, and `actors` for downloads. The machine's owner may set `quotaBytes`, what one actor may keep (64 MiB
 * unless set).
 */
const create: CreateProvider = ({ dataDirectory, operator, daemon }) => {
  const index = new BlobIndex(join(dataDirectory, 'blobs.sqlite'), naturalSetting(operator, 'quotaBytes', 64 << 20))
  const blobs = new Blobs(index, daemon)
  return {
    capabilities: { 'wascc:blobstore': wasccBlobstore(blobs, daemon), 'wasi:blobstore': wasiBlobstore(blobs) },
    close: () => index.close(),
  }
}

export default create
