import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Exit } from '../exit.ts'
import { GuestFault } from '../guest-fault.ts'
import { openClient } from './client.fixture.ts'
import { Errno } from './errno.ts'
import { isWasiImport } from './imports.ts'

const OUTSIDE = 70_000

describe('The WASI functions', () => {
  test('Without the grant there is no directory, and no path leads anywhere', () => {
    const { call, open, at, wasi } = openClient({ files: false })
    expect(call('fd_prestat_get', 3, at.result)).toBe(Errno.badf)
    expect(open('file', { flags: 1 })).toBe(-Errno.badf)
    for (const dir of [0, 1, 2]) expect(open('file', { flags: 1, dir })).toBe(-Errno.notdir)
    expect(wasi.tree).toBeUndefined()
  })

  test('With the grant the scratch directory is descriptor 3, and called /', () => {
    const { call, bytes, view, at } = openClient()
    expect(call('fd_prestat_get', 3, at.result)).toBe(0)
    expect([view.getUint8(at.result), view.getUint32(at.result + 4, true)]).toEqual([0, 1])
    expect(call('fd_prestat_dir_name', 3, at.data, 1)).toBe(0)
    expect(bytes[at.data]).toBe('/'.charCodeAt(0))
    expect(call('fd_prestat_dir_name', 3, at.data, 0)).toBe(Errno.nametoolong)
    expect(call('fd_prestat_get', 4, at.result)).toBe(Errno.badf)
    expect(call('fd_prestat_get', 0, at.result)).toBe(Errno.badf)
  })

  test('Arguments and environment come as C expects them, empty ones too', () => {
    const { call, bytes, view } = openClient({ args: ['tea', 'größe'], environment: { A: 'b', C: '' } })
    const read = (name: string) => {
      expect(call(`${name}_sizes_get`, 0, 4)).toBe(0)
      const [count, length] = [view.getUint32(0, true), view.getUint32(4, true)]
      expect(call(`${name}_get`, 8, 100)).toBe(0)
      const pointers = Array.from({ length: count }, (_, i) => view.getUint32(8 + 4 * i, true))
      const text = Buffer.from(bytes.subarray(100, 100 + length)).toString()
      return { text, starts: pointers.map((at) => at - 100) }
    }
    expect(read('args')).toEqual({ text: 'tea\0größe\0', starts: [0, 4] })
    expect(read('environ')).toEqual({ text: 'A=b\0C=\0', starts: [0, 4] })
    const empty = openClient()
    expect(empty.call('environ_sizes_get', 0, 4)).toBe(0)
    expect(empty.view.getBigUint64(0, true)).toBe(0n)
    expect(empty.call('environ_get', 65_536, 65_536)).toBe(0)
  })

  test('Clocks and random numbers are those of the surroundings, and there are no others', () => {
    const { call, view, bytes } = openClient()
    expect(call('clock_time_get', 0, 1n, 0)).toBe(0)
    expect(view.getBigUint64(0, true)).toBe(1_700_000_000_000_000_000n)
    expect(call('clock_time_get', 1, 1n, 0)).toBe(0)
    expect(view.getBigUint64(0, true)).toBe(5_000_000n)
    expect(call('clock_res_get', 1, 0)).toBe(0)
    expect(view.getBigUint64(0, true)).toBeGreaterThan(0n)
    for (const name of ['clock_time_get', 'clock_res_get']) {
      const more = name === 'clock_time_get' ? [0n, 0] : [0]
      expect([2, 3, 4, -1].map((clock) => call(name, clock, ...more))).toEqual([58, 58, 28, 28])
    }
    expect(call('random_get', 10, 3)).toBe(0)
    expect([...bytes.subarray(9, 14)]).toEqual([0, 7, 7, 7, 0])
    expect(call('random_get', OUTSIDE, 0)).toBe(0)
  })

  test('stdin is read to its end, piece by piece; stdout and stderr are apart', () => {
    const { read, write, said } = openClient({ stdin: 'darjeeling' })
    expect([read(0, 4), read(0, 4), read(0, 4), read(0, 4)]).toEqual(['darj', 'eeli', 'ng', ''])
    expect([write(1, 'out'), write(2, 'error'), write(1, 'put')]).toEqual([3, 5, 3])
    expect(said).toEqual({ stdout: 'output', stderr: 'error' })
    expect(write(0, 'x')).toBe(-Errno.notcapable)
    expect(read(1)).toBe(String(-Errno.notcapable))
  })

  test('Standard streams are neither files, nor terminals, nor sockets', () => {
    const { call, seek, bytes, at } = openClient()
    expect(call('fd_fdstat_get', 1, at.result)).toBe(0)
    expect(bytes[at.result]).toBe(0)
    expect(seek(1, 0n, 1)).toBe(-Errno.spipe)
    expect(call('fd_tell', 0, at.result)).toBe(Errno.spipe)
    expect(call('sock_shutdown', 1, 0)).toBe(Errno.notsock)
    expect(call('sock_recv', 9, 0, 0, 0, 0, 0)).toBe(Errno.badf)
    expect(call('fd_filestat_get', 1, at.result)).toBe(0)
  })

  test('A closed stream stays closed, and no file takes its number', () => {
    const { call, write, open } = openClient()
    expect(call('fd_close', 1)).toBe(0)
    expect(write(1, 'x')).toBe(-Errno.badf)
    expect(call('fd_close', 1)).toBe(Errno.badf)
    expect(open('file', { flags: 1 })).toBe(4)
  })

  test('Nothing runs after proc_exit, whatever the guest does about it', () => {
    const { call, write, wasi, said } = openClient()
    expect(() => call('proc_exit', 3)).toThrow(Exit)
    expect(wasi.ended).toMatchObject({ code: 3 })
    expect(() => write(1, 'more')).toThrow(Exit)
    expect(() => call('proc_exit', 0)).toThrow(Exit)
    expect(wasi.ended).toMatchObject({ code: 3 })
    expect(said.stdout).toBe('')
  })

  test('Nothing runs after the fuel is used up', () => {
    let left = 5_000
    const { call, write, wasi } = openClient({
      charge: (units) => {
        left -= units
        if (left < 0) throw new GuestFault('fuel-exhausted', 'no more')
      },
    })
    expect(call('sched_yield')).toBe(0)
    expect(left).toBe(4_000)
    expect(write(1, 'x'.repeat(100))).toBe(100)
    expect(left).toBeLessThanOrEqual(2_900)
    expect(() => write(1, 'x'.repeat(5_000))).toThrow('no more')
    left = 9_000
    expect(() => call('sched_yield')).toThrow('no more')
    expect(wasi.ended).toMatchObject({ failure: 'fuel-exhausted' })
  })

  test('A signal, and an argument of another type, are traps', () => {
    expect(() => openClient().call('proc_raise', 6)).toThrow(/signal 6/)
    const { call, open, at } = openClient()
    const file = open('file', { flags: 1 })
    expect(() => call('fd_seek', file, 1, 0, at.result)).toThrow(
      /^Expected WASI calls of the right types, found others$/,
    )
  })

  test('For the next call nothing is left of this one', () => {
    const { wasi, open, write, read, size } = openClient({ stdin: 'tea' })
    write(open('file', { flags: 1 }), 'secret')
    read(0)
    wasi.reset()
    expect(size('file')).toBe(-Errno.noent)
    expect(read(4)).toBe(String(-Errno.badf))
    expect(read(0)).toBe('tea')
  })

  test('Preview 0 numbers whence in its own way, and has smaller counts of links', () => {
    const { open, write, seek, call, path, view, at, link } = openClient({ module: 'wasi_unstable' })
    const file = open('file', { flags: 1 })
    write(file, '0123456789')
    expect([seek(file, -1n, 0), seek(file, -2n, 1), seek(file, 3n, 2)]).toEqual([9, 8, 3])
    expect(link('file', 'other')).toBe(0)
    expect(call('path_filestat_get', 3, 0, ...path('file'), at.result)).toBe(0)
    expect(view.getUint32(at.result + 20, true)).toBe(2)
    expect(view.getBigUint64(at.result + 24, true)).toBe(10n)
  })

  test('Every function of both previews is served, and nothing else', () => {
    const { wasi } = openClient()
    for (const [module, functions] of Object.entries(wasi.imports)) {
      expect(Object.keys(functions)).toHaveLength(46)
      for (const name of Object.keys(functions)) expect(isWasiImport({ module, name, kind: 'function' })).toBe(true)
    }
    expect(isWasiImport({ module: 'wasi_snapshot_preview1', name: 'fd_read', kind: 'memory' })).toBe(false)
    expect(isWasiImport({ module: 'wasi_snapshot_preview1', name: 'sock_open', kind: 'function' })).toBe(false)
    expect(isWasiImport({ module: 'wasi_snapshot_preview2', name: 'fd_read', kind: 'function' })).toBe(false)
    expect(isWasiImport({ module: 'constructor', name: 'fd_read', kind: 'function' })).toBe(false)
    expect(isWasiImport({ module: 'wasi_unstable', name: 'toString', kind: 'function' })).toBe(false)
  })
})

describe('Pointers', () => {
  test('A range outside of memory is EFAULT, and nothing is done', () => {
    const { call, open, read, write, said, view } = openClient({ stdin: 'tea' })
    view.setUint32(0, 65_530, true)
    view.setUint32(4, 7, true)
    expect(call('fd_write', 1, 0, 1, 100)).toBe(Errno.fault)
    expect(call('fd_write', 1, OUTSIDE, 1, 100)).toBe(Errno.fault)
    expect(call('fd_write', 1, 100, 1, -1)).toBe(Errno.fault)
    expect(call('fd_read', 0, 0, 1, 65_533)).toBe(Errno.fault)
    expect(call('random_get', 65_535, 2)).toBe(Errno.fault)
    expect(call('random_get', -1, -1)).toBe(Errno.fault)
    expect(call('path_open', 3, 0, OUTSIDE, 4, 1, 0n, 0n, 0, 100)).toBe(Errno.fault)
    const [at, length] = [1024, 4]
    expect(call('path_open', 3, 0, at, length, 1, 0n, 0n, 0, OUTSIDE)).toBe(Errno.fault)
    expect(said.stdout).toBe('')
    expect(read(0)).toBe('tea')
    expect(open('file', { flags: 5 })).toBe(4)
    expect(write(1, 'x')).toBe(1)
  })

  test('A memory that is not there yet is a trap', () => {
    const { call } = openClient({ early: true })
    expect(call('sched_yield')).toBe(0)
    expect(() => call('random_get', 0, 1)).toThrow(GuestFault)
  })

  test('A memory that grew is seen whole', () => {
    const { memory, call } = openClient()
    expect(call('random_get', 65_536, 4)).toBe(Errno.fault)
    ;(memory as WebAssembly.Memory & { grow(pages: number): number }).grow(1)
    expect(call('random_get', 65_536, 4)).toBe(0)
    expect([...new Uint8Array(memory.buffer, 65_536, 5)]).toEqual([7, 7, 7, 7, 0])
  })

  test('Whatever a guest passes, it gets an error number, or ends', async () => {
    const i32 = fc.oneof(fc.integer({ min: -4, max: 70 }), fc.constantFrom(1024, 65_532, OUTSIDE, -1), fc.integer())
    const i64 = fc.oneof(fc.bigInt({ min: -9n, max: 99n }), fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }))
    // Parameters that are 64 bits wide, by their place.
    const wide: Record<string, number[]> = {
      clock_time_get: [1],
      fd_advise: [1, 2],
      fd_allocate: [1, 2],
      fd_fdstat_set_rights: [1, 2],
      fd_filestat_set_size: [1],
      fd_filestat_set_times: [1, 2],
      fd_pread: [3],
      fd_pwrite: [3],
      fd_readdir: [3],
      fd_seek: [1],
      path_filestat_set_times: [4, 5],
      path_open: [5, 6],
    }
    const names = Object.keys(openClient().functions).filter((name) => !['proc_exit', 'proc_raise'].includes(name))
    const step = fc
      .constantFrom(...names)
      .chain((name) =>
        fc.tuple(
          fc.constant(name),
          fc.tuple(...Array.from({ length: 9 }, (_, i) => (wide[name]?.includes(i) ? i64 : i32))),
        ),
      )
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 30 }),
        fc.uint8Array({ minLength: 2048, maxLength: 2048 }),
        async (steps, junk) => {
          const { call, bytes, wasi } = openClient({ scratchBytes: 100_000 })
          bytes.set(junk)
          bytes.set(Buffer.from('a/../b\0c'), 1024)
          for (const [name, args] of steps) {
            const errno = await call(name, ...args)
            expect(Object.values(Errno)).toContain(errno)
            expect(wasi.tree!.usedBytes).toBeLessThanOrEqual(100_000)
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})
