import type { TsmTree } from './configfs-tsm.ts'

/** What a driver behind the tree gives. */
export interface TsmDriver {
  provider: string
  privlevelFloor?: number
  /** Throws what the driver answers instead of a report. */
  report(inblob: Uint8Array, privlevel: number): Uint8Array
  auxblob?: Uint8Array
  /** Called before each read of `outblob`, with what another process could do to the report. */
  meanwhile?(write: (name: string, data: Uint8Array) => void): void
}

/** An error of the kernel's. */
export const errno = (code: string): Error => Object.assign(new Error(code), { code })

/** configfs-tsm as its ABI document and driver (Linux 6.7, drivers/virt/coco/tsm.c) say, in memory; undefined: no driver is loaded. */
export function createTsmTree(driver: TsmDriver | undefined) {
  const folders = new Map<string, { generation: number; privlevel: number; inblob: Uint8Array }>()
  const floor = driver?.privlevelFloor
  const find = (path: string) => {
    const at = path.lastIndexOf('/')
    const item = folders.get(path.slice(0, at))
    if (!item || !driver) throw errno('ENOENT')
    return { item, name: path.slice(at + 1), driver }
  }
  const write = (path: string, data: Uint8Array): void => {
    const { item, name } = find(path)
    const level = Number(Buffer.from(data).toString())
    if (name === 'inblob' && data.length <= 64) item.inblob = data
    else if (name === 'privlevel' && floor !== undefined && level >= floor && level <= 3) item.privlevel = level
    else throw errno('EINVAL')
    item.generation++
  }
  const tree: TsmTree = {
    mkdir: async (path) => {
      if (!driver) throw errno('ENXIO')
      folders.set(path, { generation: 0, privlevel: 0, inblob: new Uint8Array() })
    },
    rmdir: async (path) => void folders.delete(path),
    writeFile: async (path, data) => write(path, Uint8Array.from(Buffer.from(data as Uint8Array))),
    readFile: async (path) => {
      const { item, name, driver } = find(path)
      if (name === 'provider') return Buffer.from(`${driver.provider}\n`)
      if (name === 'generation') return Buffer.from(`${item.generation}\n`)
      if (name === 'privlevel_floor' && floor !== undefined) return Buffer.from(`${floor}\n`)
      if (item.inblob.length === 0) throw errno('EINVAL')
      if (name === 'auxblob' && driver.auxblob) return driver.auxblob
      if (name !== 'outblob') throw errno('ENOENT')
      driver.meanwhile?.((other, data) => write(path.replace(/outblob$/, other), data))
      return driver.report(item.inblob, item.privlevel)
    },
  }
  return { ...tree, folders }
}
