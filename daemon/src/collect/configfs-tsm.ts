import { randomUUID } from 'node:crypto'
import * as disk from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { TeeEvidence } from '@teapot-network/trust'
import { findCollateral } from './collateral.ts'
import { type Collector, noReport } from './collector.ts'

/** What we ask of the kernel's tree. */
export interface TsmTree {
  mkdir(path: string): Promise<unknown>
  rmdir(path: string): Promise<void>
  readFile(path: string): Promise<Uint8Array>
  /** One write, then close. */
  writeFile(path: string, data: Uint8Array | string): Promise<void>
}

/** Where reports come from, and what goes with them. */
export interface TsmOptions {
  /** configfs' folder of reports. */
  root?: string
  tree?: TsmTree
  /** The operator's folder of what the maker says (docs/how-to/run-on-tdx-and-snp.md). */
  collateral?: string
}

const KINDS: Readonly<Record<string, 'tdx' | 'sev-snp'>> = { tdx_guest: 'tdx', sev_guest: 'sev-snp' }
const REPORT_DATA_BYTES = 64
const ATTEMPTS = 5
const PAUSE_MS = 100
/** The kernel's words for "not now". */
const AGAIN = ['EBUSY', 'EAGAIN', 'EINTR', 'ETIMEDOUT']

/** TDX and SEV-SNP by Linux' configfs-tsm (6.7 and newer; Documentation/ABI/testing/configfs-tsm-report). */
export function createTsmCollector(options: TsmOptions = {}): Collector {
  const { root = '/sys/kernel/config/tsm/report', tree = disk, collateral } = options

  /** A folder of our own is a report of our own; it goes whatever happens. */
  async function withReport<T>(work: (folder: string) => Promise<T>): Promise<T> {
    const folder = join(root, `teapot-${randomUUID()}`)
    await tree.mkdir(folder)
    try {
      return await work(folder)
    } finally {
      await tree.rmdir(folder)
    }
  }
  const read = async (folder: string, name: string) => new Uint8Array(await tree.readFile(join(folder, name)))
  const text = async (folder: string, name: string) =>
    Buffer.from(await read(folder, name))
      .toString()
      .trim()

  /** One report. The generation counts writes, and so tells when others wrote in between. */
  async function ask(folder: string, reportData: Uint8Array): Promise<TeeEvidence> {
    const kind = KINDS[await text(folder, 'provider')]
    if (!kind) throw new Error(`a provider '${await text(folder, 'provider')}' that we do not know`)
    const before = Number(await text(folder, 'generation'))
    const snp = kind === 'sev-snp'
    if (snp) await tree.writeFile(join(folder, 'privlevel'), await text(folder, 'privlevel_floor'))
    await tree.writeFile(join(folder, 'inblob'), reportData)
    const report = await read(folder, 'outblob')
    const table = snp ? await read(folder, 'auxblob') : new Uint8Array()
    if (Number(await text(folder, 'generation')) !== before + (snp ? 2 : 1)) {
      throw Object.assign(new Error('a report that others wrote to meanwhile'), { code: 'EAGAIN' })
    }
    if (report.length === 0) throw new Error('an empty report')
    return { kind, report, collateral: await findCollateral(kind, table, collateral) }
  }

  return {
    name: 'configfs-tsm',
    available: () =>
      withReport(async (folder) => Object.hasOwn(KINDS, await text(folder, 'provider'))).catch(() => false),
    async collect(reportData, signal) {
      if (reportData.length !== REPORT_DATA_BYTES) throw new RangeError(`report data has ${REPORT_DATA_BYTES} bytes`)
      for (let attempt = 1; ; attempt++) {
        signal?.throwIfAborted()
        try {
          return await withReport((folder) => ask(folder, reportData))
        } catch (cause) {
          if (!AGAIN.includes((cause as NodeJS.ErrnoException).code ?? '') || attempt >= ATTEMPTS) {
            throw noReport(root, 'a report', cause, 'see dmesg and docs/how-to/run-on-tdx-and-snp.md')
          }
        }
        await delay(PAUSE_MS * attempt, undefined, { signal })
      }
    },
  }
}
