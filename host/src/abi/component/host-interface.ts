import type { World } from './world.ts'

/** What one WIT interface is made of: functions by their names in camel case, and classes for its resources. */
export type Implementation = Readonly<Record<string, unknown>>

/** An interface that the host offers to components. */
export interface HostInterface {
  /** Versions that are the same to it. */
  readonly versions: RegExp
  /**
   * Functions that may wait, as WIT calls them inside of their interface: `poll`, `[method]pollable.block`. They return promises, and
   * are known when a component is transpiled: a change here needs another `TRANSPILE_VERSION`.
   */
  readonly waits?: readonly string[]
  /**
   * Makes it for one instance. Each function charges fuel first ({@link World.charge}), and takes whatever could differ from
   * one run to the next from the surroundings. An error of a WIT result is thrown as `Refusal`.
   */
  readonly create: (world: World) => Implementation
}

/** WASI 0.2 in any of its patches. */
export const WASI_0_2 = /^0\.2\.\d+$/
