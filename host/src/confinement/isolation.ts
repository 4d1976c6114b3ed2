/**
 * How far a process is shut off; each level includes those before it (spec/host.md §2.3). `process`: Node's permission model.
 * `user`: a uid of its own, no capabilities. `namespaces`: mounts, processes and network of its own behind a filter of system
 * calls. `cgroup`: its memory and its tasks counted by the kernel.
 */
export type Isolation = 'process' | 'user' | 'namespaces' | 'cgroup'

/** All levels, the weakest first. */
export const ISOLATIONS: readonly Isolation[] = ['process', 'user', 'namespaces', 'cgroup']

/** Whether a level includes another. */
export function includesLevel(level: Isolation, other: Isolation): boolean {
  return ISOLATIONS.indexOf(level) >= ISOLATIONS.indexOf(other)
}
