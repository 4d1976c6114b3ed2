import type { HostInterface } from '../host-interface.ts'
import { Refusal } from '../refusal.ts'
import { providerFace } from './provider-face.ts'

const CAPABILITY = 'wasi:logging'

/** `wasi:logging` 0.1.0-draft: capability `wasi:logging`. Since it knows no errors, what nobody takes goes to the console. */
export const LOGGING_INTERFACES: Readonly<Record<string, HostInterface>> = {
  'wasi:logging/logging': {
    versions: /^0\.1\.0-draft$/,
    waits: ['log'],
    create(world) {
      const ask = providerFace(world, CAPABILITY, ({ text }) => text)
      return {
        // log: func(level: level, context: string, message: string)
        async log(level: string, context: string, message: string): Promise<void> {
          if (world.surroundings.grants.includes(CAPABILITY)) {
            try {
              await ask('logging.log', level, context, message)
              return
            } catch (error) {
              if (!(error instanceof Refusal)) throw error
            }
          }
          world.charge(message.length)
          world.surroundings.log(`${level}: ${context === '' ? '' : `${context}: `}${message}`)
        },
      }
    },
  },
}
