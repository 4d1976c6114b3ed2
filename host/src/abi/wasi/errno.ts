/** Error numbers of WASI preview 1 that this host answers with (typenames.witx, `errno`). Preview 0 numbers them alike. */
export const Errno = {
  success: 0,
  badf: 8,
  exist: 20,
  fault: 21,
  fbig: 22,
  ilseq: 25,
  inval: 28,
  isdir: 31,
  loop: 32,
  mfile: 33,
  nametoolong: 37,
  noent: 44,
  nospc: 51,
  notdir: 54,
  notempty: 55,
  notsock: 57,
  notsup: 58,
  perm: 63,
  spipe: 70,
  notcapable: 76,
} as const

/** One of {@link Errno}. */
export type Errno = (typeof Errno)[keyof typeof Errno]

/** Thrown inside a WASI function: what the guest gets as its answer. No Error, since guests meet these often and no stack is wanted. */
export class Refused {
  readonly errno: Errno

  constructor(errno: Errno) {
    this.errno = errno
  }
}

/** Ends a WASI function with this answer. @throws Refused always */
export function refuse(errno: Errno): never {
  throw new Refused(errno)
}
