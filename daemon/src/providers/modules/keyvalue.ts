import { join } from 'node:path'
import type { CreateProvider } from '../provider.ts'
import { keyvalueCapabilities } from './keyvalue/operations.ts'
import { openSqliteStore } from './keyvalue/sqlite-store.ts'
import { naturalSetting } from './operator.ts'

/**
 * `wascc:keyvalue` and `wasi:keyvalue` on SQLite. Grant `node:sqlite`. The machine's owner may set `quotaBytes`, what one actor
 * may keep (64 MiB unless set).
 */
const create: CreateProvider = ({ dataDirectory, operator }) => {
  const quotaBytes = naturalSetting(operator, 'quotaBytes', 64 << 20)
  const store = openSqliteStore(join(dataDirectory, 'keyvalue.sqlite'), quotaBytes)
  return { capabilities: keyvalueCapabilities(() => store), close: () => store.close() }
}

export default create
