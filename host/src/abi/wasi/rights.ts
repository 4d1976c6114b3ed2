/** Rights of a descriptor, one bit each (WASI preview 1, typenames.witx, `rights`). All fit into 30 bits. */
export const Right = {
  fdDatasync: 1 << 0,
  fdRead: 1 << 1,
  fdSeek: 1 << 2,
  fdFdstatSetFlags: 1 << 3,
  fdSync: 1 << 4,
  fdTell: 1 << 5,
  fdWrite: 1 << 6,
  fdAdvise: 1 << 7,
  fdAllocate: 1 << 8,
  pathCreateDirectory: 1 << 9,
  pathCreateFile: 1 << 10,
  pathLinkSource: 1 << 11,
  pathLinkTarget: 1 << 12,
  pathOpen: 1 << 13,
  fdReaddir: 1 << 14,
  pathReadlink: 1 << 15,
  pathRenameSource: 1 << 16,
  pathRenameTarget: 1 << 17,
  pathFilestatGet: 1 << 18,
  pathFilestatSetSize: 1 << 19,
  pathFilestatSetTimes: 1 << 20,
  fdFilestatGet: 1 << 21,
  fdFilestatSetSize: 1 << 22,
  fdFilestatSetTimes: 1 << 23,
  pathSymlink: 1 << 24,
  pathRemoveDirectory: 1 << 25,
  pathUnlinkFile: 1 << 26,
  pollFdReadwrite: 1 << 27,
} as const

const ALL = (1 << 28) - 1
/** On the content of a file. */
const CONTENT =
  Right.fdRead |
  Right.fdSeek |
  Right.fdTell |
  Right.fdWrite |
  Right.fdAdvise |
  Right.fdAllocate |
  Right.fdFilestatSetSize
/** On names in a directory. */
const NAMES = Object.entries(Right).reduce(
  (all, [name, right]) => (name.startsWith('path') ? all | right : all),
  Right.fdReaddir,
)

/** What can be done with a directory. */
export const DIRECTORY_RIGHTS = ALL & ~CONTENT

/** What can be done with a file. */
export const FILE_RIGHTS = ALL & ~NAMES

const STREAM_RIGHTS = Right.fdFdstatSetFlags | Right.fdFilestatGet | Right.pollFdReadwrite

/** What can be done with standard input. */
export const INPUT_RIGHTS = STREAM_RIGHTS | Right.fdRead

/** What can be done with standard output and error. */
export const OUTPUT_RIGHTS = STREAM_RIGHTS | Right.fdWrite
