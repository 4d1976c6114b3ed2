// Started beside the supervisor, holding the other end of a pipe. When the supervisor dies, however it dies, the pipe ends,
// and whatever it left running is stopped. `node sentinel.ts <folder> <records file>`
import { stopLeftovers } from './leftovers.ts'

const [folder = '', recordsFile = ''] = process.argv.slice(2)

process.stdin.resume()
process.stdin.on('close', () => void stopLeftovers(folder, recordsFile))
