import { afterAll } from 'vitest'
import type { Host, HostOptions } from '../host.ts'
import { openHost } from './open-host.ts'

/** A host for the tests of one file, gone after the last of them. */
export async function hostOfFile(options: Partial<HostOptions> = {}): Promise<Host> {
  const host = await openHost(options)
  afterAll(() => host[Symbol.asyncDispose]())
  return host
}
