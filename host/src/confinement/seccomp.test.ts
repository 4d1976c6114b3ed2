import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AUDIT_ARCHITECTURE, buildFilter, type FilterGrants, Verdict } from './seccomp.ts'
import { ALWAYS, CONDITIONAL, type FilterArchitecture, NETWORK, START, WRITE } from './system-calls.ts'

/** Runs a filter as the kernel does (linux/filter.h); any step outside of what a filter may do throws. */
function judge(filter: Buffer, architecture: number, number: number, args: readonly bigint[] = []): number {
  const data = Buffer.alloc(64)
  data.writeUInt32LE(number, 0)
  data.writeUInt32LE(architecture, 4)
  for (const [index, value] of args.entries()) data.writeBigUInt64LE(value, 16 + 8 * index)
  let accumulator = 0
  for (let at = 0; ; at++) {
    const code = filter.readUInt16LE(8 * at)
    const operand = filter.readUInt32LE(8 * at + 4)
    const jump = (holds: boolean) => filter.readUInt8(8 * at + (holds ? 2 : 3))
    if (code === 0x20) accumulator = data.readUInt32LE(operand)
    else if (code === 0x54) accumulator = (accumulator & operand) >>> 0
    else if (code === 0x15) at += jump(accumulator === operand)
    else if (code === 0x35) at += jump(accumulator >= operand)
    else if (code === 0x06) return operand
    else throw new Error(`Expected a known opcode, found ${code} at ${at}`)
  }
}

/** Numbers on x86-64 and arm64 of what no sandboxed program has a use for. */
const DANGEROUS: Record<string, [x64: number, arm64: number]> = {
  ...{ ptrace: [101, 117], process_vm_readv: [310, 270], process_vm_writev: [311, 271], kill: [62, 129] },
  ...{ tkill: [200, 130], execveat: [322, 281], mount: [165, 40], umount2: [166, 39], pivot_root: [155, 41] },
  ...{ unshare: [272, 97], setns: [308, 268], bpf: [321, 280], perf_event_open: [298, 241], keyctl: [250, 219] },
  ...{ add_key: [248, 217], io_uring_setup: [425, 425], io_uring_enter: [426, 426], userfaultfd: [323, 282] },
  ...{ open_by_handle_at: [304, 265], pidfd_open: [434, 434], pidfd_getfd: [438, 438], memfd_create: [319, 279] },
  ...{ socketpair: [53, 199], connect: [42, 203], bind: [49, 200], listen: [50, 201], accept4: [288, 242] },
  ...{ sendto: [44, 206], sendmsg: [46, 211], recvmsg: [47, 212], chroot: [161, 51], init_module: [175, 105] },
  ...{ fork: [57, -1], vfork: [58, -1], openat2: [437, 437], mknodat: [259, 33], unlinkat: [263, 35], fsync: [74, 82] },
}

describe.each<FilterArchitecture>(['x64', 'arm64'])('the filter for %s', (architecture) => {
  const filters = new Map<FilterGrants, Buffer>()
  const verdict = (grants: FilterGrants, number: number, ...args: number[]) => {
    if (!filters.has(grants)) filters.set(grants, buildFilter(architecture, grants))
    return judge(filters.get(grants)!, AUDIT_ARCHITECTURE[architecture], number, args.map(BigInt))
  }
  const none = {}
  const all = { network: true, write: true }
  const conditional = (grants: FilterGrants, name: string, ...args: number[]) =>
    verdict(grants, CONDITIONAL[architecture].get(name)!, ...args)

  test('allows what Node does, and no more without a grant', () => {
    for (const group of [ALWAYS, START])
      for (const [name, number] of group[architecture]) expect(verdict(none, number), name).toBe(Verdict.allow)
    for (const group of [NETWORK, WRITE])
      for (const [name, number] of group[architecture]) {
        expect(verdict(none, number), name).toBe(Verdict.refuse)
        expect(verdict(all, number), name).toBe(Verdict.allow)
      }
  })

  test('refuses what a program that was taken over would use', () => {
    for (const [name, [x64, arm64]] of Object.entries(DANGEROUS)) {
      const number = architecture === 'x64' ? x64 : arm64
      if (number >= 0) expect(verdict(none, number), name).toBe(Verdict.refuse)
    }
    for (const name of ['ptrace', 'kill', 'unshare', 'mount', 'bpf', 'listen', 'accept4', 'io_uring_setup'])
      expect(verdict(all, DANGEROUS[name]![architecture === 'x64' ? 0 : 1]), name).toBe(Verdict.refuse)
  })

  test('kills whoever calls through the interface of another architecture', () => {
    for (const other of [0, 0x4000_0003, ...Object.values(AUDIT_ARCHITECTURE)].filter(
      (value) => value !== AUDIT_ARCHITECTURE[architecture],
    ))
      expect(judge(buildFilter(architecture), other, 0)).toBe(Verdict.kill)
    expect(verdict(none, 0x4000_0000)).toBe(Verdict.kill)
    expect(verdict(none, 0xffff_ffff)).toBe(Verdict.kill)
  })

  test('answers calls that are newer than itself as an older kernel would', () => {
    expect(verdict(none, 470)).toBe(Verdict.unknown)
    expect(verdict(none, 0x3fff_ffff)).toBe(Verdict.unknown)
  })

  test('makes threads but no processes and no namespaces', () => {
    const thread = 0x3d_0f00
    expect(conditional(none, 'clone', thread)).toBe(Verdict.allow)
    expect(conditional(none, 'clone', 17)).toBe(Verdict.refuse)
    for (const namespace of [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000])
      expect(conditional(none, 'clone', thread + namespace), String(namespace)).toBe(Verdict.refuse)
    expect(conditional(none, 'clone3')).toBe(Verdict.unknown)
  })

  test('opens files to read, and to write only where that is granted', () => {
    for (const [flags, then] of [
      [0o2_000_000, Verdict.allow],
      [1, Verdict.refuse],
      [2, Verdict.refuse],
      [0o100, Verdict.refuse],
      [0o1_000, Verdict.refuse],
    ] as const) {
      expect(conditional(none, 'openat', 0, 0, flags)).toBe(then)
      expect(conditional(all, 'openat', 0, 0, flags)).toBe(Verdict.allow)
    }
  })

  test('opens sockets of the internet where that is granted, and never unix sockets', () => {
    for (const family of [1, 2, 10, 16, 17]) expect(conditional(none, 'socket', family)).toBe(Verdict.refuse)
    for (const family of [2, 10, 16]) expect(conditional(all, 'socket', family)).toBe(Verdict.allow)
    for (const family of [1, 17, 40]) expect(conditional(all, 'socket', family)).toBe(Verdict.refuse)
  })

  test('lets nobody take back that the kernel ends it, trace it, or set the limits of others', () => {
    expect(conditional(none, 'prctl', 1, 9)).toBe(Verdict.allow)
    expect(conditional(none, 'prctl', 1, 0)).toBe(Verdict.refuse)
    expect(conditional(none, 'prctl', 15)).toBe(Verdict.allow)
    expect(conditional(none, 'prctl', 0x5961_6d61)).toBe(Verdict.refuse)
    expect(conditional(none, 'prlimit64', 0)).toBe(Verdict.allow)
    expect(conditional(none, 'prlimit64', 1)).toBe(Verdict.refuse)
    // TIOCSTI types into a terminal.
    expect(conditional(none, 'ioctl', 0, 0x5412)).toBe(Verdict.refuse)
  })

  test('gives one of four verdicts on any call whatever', () => {
    const verdicts = Object.values(Verdict)
    const word = fc.oneof(fc.nat(500), fc.bigInt(0n, 0xffff_ffffn).map(Number))
    const args = fc.array(fc.bigInt(0n, 0xffff_ffff_ffff_ffffn), { maxLength: 6 })
    fc.assert(
      fc.property(fc.record({ network: fc.boolean(), write: fc.boolean() }), word, args, (grants, number, values) => {
        const filter = buildFilter(architecture, grants)
        expect(verdicts).toContain(judge(filter, AUDIT_ARCHITECTURE[architecture], number, values))
      }),
    )
  })
})
