import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Memory of one node of a running devnet: its machine, its TPM, its daemon, and what that started. */
export interface IdleNode {
  name: string
  processes: number
  /** Proportional set size of them all (proc(5), smaps_rollup), in megabytes. */
  pssMegabytes: number
}

/** Measures the nodes of the devnet in `folder` as they are now; to be read when nobody calls them. Linux only. */
export function measureIdle(folder: string): IdleNode[] {
  const { processes } = JSON.parse(readFileSync(join(folder, 'processes.json'), 'utf8'))
  const children = childrenOf()
  return (processes as { name: string; pid: number }[])
    .filter(({ name }) => name.startsWith('node-'))
    .map(({ name, pid }) => {
      const tree = descendants(pid, children)
      const kilobytes = tree.map(pssOf).reduce((sum, pss) => sum + pss, 0)
      return { name, processes: tree.length, pssMegabytes: Math.round(kilobytes / 1024) }
    })
}

function childrenOf(): Map<number, number[]> {
  const children = new Map<number, number[]>()
  for (const pid of readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    const parent = Number(/^PPid:\s*(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1])
    children.set(parent, [...(children.get(parent) ?? []), pid])
  }
  return children
}

function descendants(pid: number, children: Map<number, number[]>): number[] {
  return [pid, ...(children.get(pid) ?? []).flatMap((child) => descendants(child, children))]
}

function pssOf(pid: number): number {
  return Number(/^Pss:\s*(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0)
}

/** What is gone by now counts nothing. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
