import type { CreateProvider } from '../provider.ts'
import { wasi } from './request.ts'

/**
 * `wasi:config`: the settings of the binding, as the app's manifest has them, with the secrets of the machine's owner filled in
 * (spec/host.md §6.9).
 */
const create: CreateProvider = () => ({
  capabilities: {
    'wasi:config': {
      'store.get': wasi(['key'], (request, { settings }) => {
        const key = request.text('key')
        return Object.hasOwn(settings, key) ? settings[key] : undefined
      }),
      'store.get-all': wasi([], (_, { settings }) => Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1))),
    },
  },
})

export default create
