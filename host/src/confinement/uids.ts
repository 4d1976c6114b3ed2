import { lchownSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Uids for sandboxes: the upper part of what systemd keeps for dynamic users, so that nobody else has them. */
const SANDBOX_UIDS = { first: 62_000, count: 2_500 }
/** Uids that own directories which confined programs write to: they last as long as the directory. */
const OWNER_UIDS = { first: 64_500, count: 500 }
const taken = new Set<number>()

/** A uid that no other confined process of this one has; give it back with {@link releaseUid}. */
export function takeUid(): number {
  for (let tries = 0; ; tries++) {
    const uid = drawFrom(SANDBOX_UIDS)
    if (taken.has(uid) && tries < SANDBOX_UIDS.count) continue
    taken.add(uid)
    return uid
  }
}

/** Gives back what {@link takeUid} gave; anything else is left alone. */
export function releaseUid(uid: number): void {
  taken.delete(uid)
}

/** The uid that owns directories to be written to: the first one's, once drawn. It gets all that lies in them. */
export function giveDirectories(directories: readonly string[]): number {
  const { uid } = statSync(directories[0]!)
  const drawn = uid >= OWNER_UIDS.first && uid < OWNER_UIDS.first + OWNER_UIDS.count ? uid : drawFrom(OWNER_UIDS)
  for (const directory of directories) {
    if (statSync(directory).uid === drawn) continue
    for (const path of [directory, ...inside(directory)]) lchownSync(path, drawn, drawn)
  }
  return drawn
}

/** All that lies in a directory. Node's own recursion goes where links lead (26.10), which belongs to others. */
function inside(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name)
    return entry.isDirectory() ? [path, ...inside(path)] : [path]
  })
}

function drawFrom({ first, count }: { first: number; count: number }): number {
  return first + Math.floor(Math.random() * count)
}
