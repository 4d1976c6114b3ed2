import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decode, encode } from '@msgpack/msgpack'
import { createConfinement } from '@teapot-network/host'
import { TeapotError } from '@teapot-network/trust'
import { expect } from 'vitest'
import { buildModule } from '../../boot/build-image.ts'
import type { ProviderLimits } from '../protocol.ts'
import type { ProviderImage } from '../provider-image.ts'
import {
  createProviderSupervisor,
  type ProviderInvocation,
  type ProviderSupervisor,
  type ProviderSupervisorOptions,
} from '../supervisor.ts'

/** How a test asks: what it leaves out is the actor `greeter`'s binding `default`. */
export interface Asked extends Pick<Partial<ProviderInvocation>, 'binding' | 'capability' | 'settings' | 'provider'> {
  readonly actor?: string
  readonly publisher?: string
  readonly signal?: AbortSignal
}

/** Bundled providers in a folder of their own, which goes with them. */
export interface Workbench extends AsyncDisposable {
  readonly folder: string
  file(name: string): string
  supervise(options?: Partial<ProviderSupervisorOptions>): ProviderSupervisor
  image(name: string, more?: Partial<ProviderImage>): ProviderImage
}

/** What no provider of a test meets unless it is what the test is about, however slow the machine. */
const UNHURRIED = {
  startMs: 120_000,
  callMs: 120_000,
  waitMs: 120_000,
  idleMs: 600_000,
} satisfies Partial<ProviderLimits>

/** Bundles the provider process and provider modules, each into one file as a box has them. */
export async function openWorkbench(...modules: string[]): Promise<Workbench> {
  const folder = mkdtempSync(join(tmpdir(), 'teapot-providers-'))
  const file = (name: string) => join(folder, `${name}.mjs`)
  const bundles = modules.map((name) => [name, `daemon/src/providers/modules/${name}.ts`] as const)
  const entry = ['provider', 'daemon/src/providers/child.ts'] as const
  await Promise.all([entry, ...bundles].map(([name, source]) => buildModule({ source, outFile: file(name) })))
  const confinement = await createConfinement({ nodePath: process.execPath, isolation: 'best' })
  return {
    folder,
    file,
    supervise: ({ limits, ...options } = {}) =>
      createProviderSupervisor({
        nodePath: process.execPath,
        confinement,
        providerEntry: file('provider'),
        dataDirectory: mkdtempSync(join(folder, 'data-')),
        limits: { ...UNHURRIED, ...limits },
        ...options,
      }),
    image: (name, { bytes = readFileSync(file(name)), ...more } = {}) => ({
      ...{ name, version: 1, digest: `${name}-1`, bytes, grants: [] },
      ...more,
    }),
    async [Symbol.asyncDispose]() {
      await confinement[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Asks as an actor would. @returns the bytes of the answer */
export async function askBytes(
  supervisor: ProviderSupervisor,
  operation: string,
  payload: unknown,
  asked: Asked = {},
): Promise<Uint8Array> {
  const { actor = 'greeter', publisher = '0xa11ce', binding = 'default', capability = 'wascc:keyvalue' } = asked
  const { settings, provider, signal = new AbortController().signal } = asked
  const bytes = payload instanceof Uint8Array ? payload : encode(payload, { useBigInt64: true })
  return supervisor.invoke(
    { actor: { name: actor, publisher }, binding, capability, operation, payload: bytes, settings, provider },
    signal,
  )
}

/** Asks as an actor would, in MessagePack both ways. */
export async function ask(...asked: Parameters<typeof askBytes>): Promise<unknown> {
  const answer = await askBytes(...asked)
  return answer.length === 0 ? undefined : decode(Uint8Array.from(answer), { useBigInt64: true })
}

/** The TeapotError that a promise ends in, as a plain object to be matched. */
export async function refusal(promise: Promise<unknown>): Promise<{ code: string; kind: string; message: string }> {
  try {
    await promise
  } catch (error) {
    if (!(error instanceof TeapotError)) throw error
    return { code: error.code, kind: error.kind, message: error.message }
  }
  throw new Error('Expected a refusal, found success')
}

/** Expects a refusal: its code, or more of it. */
export async function isRefused(promise: Promise<unknown>, expected: string | object, label?: string): Promise<void> {
  expect(await refusal(promise), label).toMatchObject(typeof expected === 'string' ? { code: expected } : expected)
}
