import {
  ALWAYS,
  CONDITIONAL,
  type FilterArchitecture,
  NETWORK,
  NEWEST_CALL,
  START,
  type SystemCalls,
  WRITE,
} from './system-calls.ts'

/** What a filter lets a process do besides computing. */
export interface FilterGrants {
  /** Opens sockets of the internet families and connects them; never listens. */
  readonly network?: boolean
  /** Changes files; which ones, the mounts say. */
  readonly write?: boolean
}

/** Opcodes of classic BPF (`linux/bpf_common.h`). */
const LOAD = 0x20
const AND = 0x54
const JUMP_EQUAL = 0x15
const JUMP_NOT_BELOW = 0x35
const RETURN = 0x06

/** What a filter may answer (`linux/seccomp.h`). */
export const Verdict = {
  allow: 0x7fff_0000,
  /** The call fails with EPERM. */
  refuse: 0x0005_0001,
  /** The call fails with ENOSYS: libraries then take the older call, whose arguments a filter can see. */
  unknown: 0x0005_0026,
  kill: 0x8000_0000,
} as const

/** `AUDIT_ARCH_…` of `linux/audit.h`. */
export const AUDIT_ARCHITECTURE: Record<FilterArchitecture, number> = { x64: 0xc000_003e, arm64: 0xc000_00b7 }

/** Offsets in `struct seccomp_data`; of an argument its lower half, which is all that the calls below look at. */
const NUMBER_AT = 0
const ARCHITECTURE_AT = 4
const argumentAt = (index: number) => 16 + 8 * index

/** Numbers from here on are of the x32 interface, which no program here uses. */
const X32 = 0x4000_0000

const CLONE_THREAD = 0x1_0000
/** Every `CLONE_NEW…`: namespaces of mounts, cgroup, uts, ipc, users, pids, network and time. */
const CLONE_NAMESPACES = 0x7e02_0080
/** `O_WRONLY`, `O_RDWR`, `O_CREAT` and `O_TRUNC`. */
const OPEN_TO_WRITE = 0x243
/** `TCGETS`, `TIOCGWINSZ`, `FIONREAD`, `FIONBIO`, `FIONCLEX`, `FIOCLEX`. */
const DESCRIPTOR_REQUESTS = [0x5401, 0x5413, 0x541b, 0x5421, 0x5450, 0x5451]
const PR_SET_PDEATHSIG = 1
const SIGKILL = 9
/** Names of threads and memory, dumpability read, and giving up capabilities and privileges. */
const PROCESS_OPTIONS = [3, 7, 8, 15, 16, 23, 24, 27, 28, 38, 39, 47, 0x5356_4d41]
/** `AF_INET`, `AF_INET6`, and `AF_NETLINK`, by which the resolver lists addresses. No unix sockets. */
const FAMILIES = [2, 10, 16]

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number]

const give = (verdict: number): Instruction => [RETURN, 0, 0, verdict]

/** Allows a call when an argument, masked, is one of `values`; refuses it otherwise. */
function whenArgument(index: number, values: readonly number[], mask?: number): Instruction[] {
  const load: Instruction[] = [[LOAD, 0, 0, argumentAt(index)]]
  if (mask !== undefined) load.push([AND, 0, 0, mask])
  const tests = values.map((value, at): Instruction => [JUMP_EQUAL, values.length - at, 0, value])
  return [...load, ...tests, give(Verdict.refuse), give(Verdict.allow)]
}

/** The calls that depend on their arguments. */
function conditions({ network, write }: FilterGrants): Record<string, Instruction[]> {
  const openFlags = (index: number) => (write ? [give(Verdict.allow)] : whenArgument(index, [0], OPEN_TO_WRITE))
  const onlyKill = whenArgument(1, [SIGKILL])
  return {
    open: openFlags(1),
    openat: openFlags(2),
    ioctl: whenArgument(1, DESCRIPTOR_REQUESTS),
    // Threads, but no processes and no namespaces.
    clone: whenArgument(0, [CLONE_THREAD], CLONE_THREAD | CLONE_NAMESPACES),
    // Its flags lie in memory, where a filter cannot look.
    clone3: [give(Verdict.unknown)],
    // Its own limits only.
    prlimit64: whenArgument(0, [0]),
    // The signal that ends it with its parent may be set, but not taken back.
    prctl: [
      [LOAD, 0, 0, argumentAt(0)],
      [JUMP_EQUAL, 0, onlyKill.length, PR_SET_PDEATHSIG],
      ...onlyKill,
      ...whenArgument(0, PROCESS_OPTIONS),
    ],
    socket: network ? whenArgument(0, FAMILIES) : [give(Verdict.refuse)],
  }
}

/**
 * A seccomp filter as `bwrap --seccomp` reads it: an array of `struct sock_filter`. It allows the calls that Node makes and
 * refuses all others; a call through another architecture's interface kills (spec/host.md §2).
 */
export function buildFilter(architecture: FilterArchitecture, grants: FilterGrants = {}): Buffer {
  const program: Instruction[] = [
    [LOAD, 0, 0, ARCHITECTURE_AT],
    [JUMP_EQUAL, 1, 0, AUDIT_ARCHITECTURE[architecture]],
    give(Verdict.kill),
    [LOAD, 0, 0, NUMBER_AT],
    [JUMP_NOT_BELOW, 0, 1, X32],
    give(Verdict.kill),
    [JUMP_NOT_BELOW, 0, 1, NEWEST_CALL + 1],
    give(Verdict.unknown),
  ]
  const onCall = (number: number, then: Instruction[]) => program.push([JUMP_EQUAL, 0, then.length, number], ...then)
  for (const number of allowed(architecture, grants)) onCall(number, [give(Verdict.allow)])
  for (const [name, then] of Object.entries(conditions(grants))) {
    const number = CONDITIONAL[architecture].get(name)
    if (number !== undefined) onCall(number, then)
  }
  program.push(give(Verdict.refuse))
  return encode(program)
}

function allowed(architecture: FilterArchitecture, { network, write }: FilterGrants): number[] {
  const groups: SystemCalls[] = [ALWAYS, START, ...(network ? [NETWORK] : []), ...(write ? [WRITE] : [])]
  return groups.flatMap((group) => [...group[architecture].values()])
}

function encode(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(8 * program.length)
  program.forEach(([code, ifTrue, ifFalse, operand], index) => {
    bytes.writeUInt16LE(code, 8 * index)
    bytes.writeUInt8(ifTrue, 8 * index + 2)
    bytes.writeUInt8(ifFalse, 8 * index + 3)
    bytes.writeUInt32LE(operand >>> 0, 8 * index + 4)
  })
  return bytes
}
