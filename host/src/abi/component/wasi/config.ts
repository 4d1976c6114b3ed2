import type { HostInterface } from '../host-interface.ts'
import { as, providerFace } from './provider-face.ts'

/** Both names under which drafts have it. */
const config = (versions: RegExp): HostInterface => ({
  versions,
  waits: ['get', 'get-all'],
  create(world) {
    // variant error { upstream(string), io(string) }
    const ask = providerFace(world, 'wasi:config', ({ text }) => ({ tag: 'upstream', val: text }))
    return {
      // get: func(key: string) -> result<option<string>, error>
      async get(key: string): Promise<string | undefined> {
        const value = await ask('store.get', key)
        return value === null ? undefined : as.text(value, 'a setting')
      },
      // get-all: func() -> result<list<tuple<string, string>>, error>
      async getAll(): Promise<[string, string][]> {
        return as.list(await ask('store.get-all'), 'settings').map((setting) => {
          const [key, value] = as.list(setting, 'a setting')
          return [as.text(key, 'the name of a setting'), as.text(value, 'a setting')]
        })
      },
    }
  },
})

/** `wasi:config` in its drafts for 0.2.0: capability `wasi:config`. */
export const CONFIG_INTERFACES: Readonly<Record<string, HostInterface>> = {
  'wasi:config/store': config(/^0\.2\.0-(?:draft|rc\.1)$/),
  'wasi:config/runtime': config(/^0\.2\.0-draft$/),
}
