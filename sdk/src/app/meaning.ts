import { utf8 } from '@teapot-network/trust'
import {
  type AppActor,
  type AppBinding,
  type AppFloor,
  type AppManifest,
  type AppRoute,
  MAX_TEXTS_BYTES,
} from '@teapot-network/trust/app'
import type { SchemaProblem } from './check-schema.ts'

type Written<T, Required extends keyof T> = Pick<T, Required> & Partial<T>

/** A `teapot.yaml` that holds the schema: what may be left out may be missing. */
export interface WrittenManifest {
  name: string
  actors: (Written<Omit<AppActor, 'bindings'>, 'name'> & {
    bindings?: Written<Omit<AppBinding, 'provider'> & { provider: string }, 'capability'>[]
  })[]
  routes?: Written<AppRoute, 'path' | 'actor'>[]
  floor?: Partial<AppFloor>
}

/** With the defaults where something was left out. */
export function withDefaults({ name, actors, routes = [], floor = {} }: WrittenManifest): AppManifest {
  return {
    v: 1,
    name,
    actors: actors.map(({ name, minVersion = 1, bindings = [], limits = {}, environment = {} }) => ({
      ...{ name, minVersion, limits, environment },
      bindings: bindings.map(({ name = 'default', capability, provider = null, settings = {} }) => ({
        ...{ name, capability, provider, settings },
      })),
    })),
    routes: routes.map(({ path, actor, methods = [] }) => ({ path, actor, methods })),
    floor: { integrity: 'none', confidentiality: 'none', isolation: 'process', ...floor },
  }
}

/** What a schema cannot say: names that stand twice, routes that lead nowhere, texts that are too long together. */
export function checkMeaning(manifest: WrittenManifest): SchemaProblem[] {
  const { actors, routes = [] } = manifest
  const names = actors.map(({ name }) => name)
  return [
    ...repeats(names, (i) => ['actors', `${i}`, 'name']),
    ...actors.flatMap(({ bindings = [], environment = {} }, i) => [
      ...repeats(
        bindings.map(({ name = 'default', capability }) => `${name} of ${capability}`),
        (at) => ['actors', `${i}`, 'bindings', `${at}`],
      ),
      ...tooLong(environment, ['actors', `${i}`, 'environment']),
      ...bindings.flatMap(({ settings = {} }, at) =>
        tooLong(settings, ['actors', `${i}`, 'bindings', `${at}`, 'settings']),
      ),
    ]),
    ...repeats(
      routes.map(({ path }) => path),
      (i) => ['routes', `${i}`, 'path'],
    ),
    ...routes.flatMap(({ actor }, i): SchemaProblem[] =>
      names.includes(actor)
        ? []
        : [
            problem(
              ['routes', `${i}`, 'actor'],
              `one of the actors (${names.join(', ')})`,
              actor,
              'name it under actors',
            ),
          ],
    ),
  ]
}

function repeats(names: readonly string[], path: (index: number) => string[]): SchemaProblem[] {
  return names.flatMap((name, i) =>
    names.indexOf(name) === i ? [] : [problem(path(i), 'each once', `${name} again`, 'take it out, or rename it')],
  )
}

function tooLong(texts: Readonly<Record<string, string>>, path: string[]): SchemaProblem[] {
  const bytes = Object.entries(texts).reduce((sum, pair) => sum + utf8(pair.join('')).length, 0)
  return bytes <= MAX_TEXTS_BYTES ? [] : [problem(path, `at most ${MAX_TEXTS_BYTES} bytes`, `${bytes}`, 'shorten it')]
}

function problem(path: string[], expected: string, found: string, fix: string): SchemaProblem {
  return { path, atKey: false, expected, found, fix }
}
