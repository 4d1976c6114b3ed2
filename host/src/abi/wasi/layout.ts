/** In what the two versions of the interface differ: wasi_snapshot_preview1 and, before it, wasi_unstable (preview 0). */
export interface Layout {
  /** Meaning of `whence` by its number. */
  readonly whence: readonly ('set' | 'cur' | 'end')[]
  /** Size of a `filestat`, where its link count lies and how wide it is; the size and three times end it. */
  readonly filestat: { readonly bytes: number; readonly linksAt: number; readonly wideLinks: boolean }
  /** Size of a `subscription`, and where in it `subscription_clock` has its id: timeout, precision and flags follow. */
  readonly subscription: { readonly bytes: number; readonly clockAt: number }
}

/** WASI preview 1, typenames.witx. */
export const PREVIEW_1: Layout = {
  whence: ['set', 'cur', 'end'],
  filestat: { bytes: 64, linksAt: 24, wideLinks: true },
  subscription: { bytes: 48, clockAt: 16 },
}

/** WASI preview 0, typenames.witx: another order of `whence`, links of 32 bits, a clock subscription that begins with an identifier. */
export const PREVIEW_0: Layout = {
  whence: ['cur', 'end', 'set'],
  filestat: { bytes: 56, linksAt: 20, wideLinks: false },
  subscription: { bytes: 56, clockAt: 24 },
}
