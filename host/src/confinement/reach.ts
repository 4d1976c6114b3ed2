import { statSync } from 'node:fs'
import { dirname, parse, resolve } from 'node:path'

/** Whether a uid that owns nothing may read (of a program: run) `path`, and pass through every directory above it. */
export function othersReach(path: string): boolean {
  const { root } = parse(resolve(path))
  const { mode } = statSync(path)
  const wanted = (mode & 0o170_000) === 0o040_000 || (mode & 0o100) !== 0 ? 0o005 : 0o004
  return (mode & wanted) === wanted && othersPass(dirname(resolve(path)), root)
}

/** Whether a uid that owns nothing may pass through a directory and all above it. */
export function othersPass(directory: string, root = parse(directory).root): boolean {
  for (let at = directory; at !== root; at = dirname(at)) if ((statSync(at).mode & 0o001) === 0) return false
  return true
}
