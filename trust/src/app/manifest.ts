import { utf8 } from '../bytes.ts'
import { type CborValue, encodeCbor } from '../cbor.ts'
import { shapeOf } from '../cbor-shape.ts'
import { requireFits, requireOrder } from './rules.ts'

/** What an actor may be held to below what the node allows (spec/host.md §5); units are in the names. */
export const LIMIT_NAMES = [
  'memoryPages',
  'tableElements',
  'fuel',
  'deadlineMs',
  'maxDeadlineMs',
  'concurrency',
  'payloadBytes',
  'responseBytes',
  'instances',
  'openHostCalls',
  'logLines',
  'logBytes',
  'traceBytes',
  'scratchBytes',
] as const
export const INTEGRITY = ['none', 'measured', 'enclave'] as const
export const CONFIDENTIALITY = ['none', 'enclave'] as const
/** Each includes those before it (spec/host.md §2). */
export const ISOLATION = ['process', 'user', 'namespaces', 'cgroup'] as const
export const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'] as const

/** What connects an actor to a capability. */
export interface AppBinding {
  /** What the actor calls it by; `default` where it has but one. */
  name: string
  /** Capability id, such as `wascc:keyvalue` or `actor:<name>`. */
  capability: string
  /** The provider's name on the ledger; null for whichever serves the capability. */
  provider: string | null
  /** What the provider is told; `secret:<name>` stands for a secret of the machine's owner. */
  settings: Record<string, string>
}

/** How one actor is run. */
export interface AppActor {
  /** Its name on the ledger. */
  name: string
  /** The oldest version that the manifest is made for; an older one is not run. */
  minVersion: number
  bindings: AppBinding[]
  limits: Partial<Record<(typeof LIMIT_NAMES)[number], number>>
  environment: Record<string, string>
}

/** Which actor answers under a path. */
export interface AppRoute {
  /** `/` or `/a/b`: also answers for whatever lies below. */
  path: string
  actor: string
  /** Empty for any. */
  methods: (typeof METHODS)[number][]
}

/** What a node must reach for the app to be run there. */
export interface AppFloor {
  integrity: (typeof INTEGRITY)[number]
  confidentiality: (typeof CONFIDENTIALITY)[number]
  isolation: (typeof ISOLATION)[number]
}

/** An app: actors with what connects and limits them, and the paths they answer (spec/host.md §7.3). */
export interface AppManifest {
  v: 1
  /** Lower case, digits, dots and dashes; on the ledger with `app/` before it. */
  name: string
  actors: AppActor[]
  routes: AppRoute[]
  floor: AppFloor
}

const shape = shapeOf('manifest/malformed', 'manifest')
const FIELDS = ['v', 'name', 'actors', 'routes', 'floor']

/**
 * The manifest's canonical bytes: actors, bindings, routes and methods in ascending order.
 * @throws TeapotError `manifest/malformed` for a manifest that {@link parseManifest} would refuse
 */
export function encodeManifest(manifest: AppManifest): Uint8Array {
  const bytes = encodeCbor({
    v: manifest.v,
    name: manifest.name,
    actors: sortBy(manifest.actors, ({ name }) => name).map(({ name, minVersion, bindings, limits, environment }) => ({
      ...{ name, minVersion, limits, environment },
      bindings: sortBy(bindings, bindingKey).map(({ name, capability, provider, settings }) => ({
        ...{ name, capability, provider, settings },
      })),
    })),
    routes: sortBy(manifest.routes, ({ path }) => path).map(({ path, actor, methods }) => ({
      ...{ path, actor },
      methods: [...methods].sort(),
    })),
    floor: { ...manifest.floor },
  })
  parseManifest(bytes)
  return bytes
}

/**
 * Reads a manifest as it stands on the ledger. Nothing may be left out.
 * @throws TeapotError `manifest/malformed` for unknown or missing fields, values outside of their rules, names that stand twice,
 * a route to an actor that the manifest does not name, or another order than the canonical one
 */
export function parseManifest(bytes: Uint8Array): AppManifest {
  const root = shape.map(shape.decode(bytes), 'manifest', FIELDS)
  if (root.get('v') !== 1) shape.refuse('v', 'version 1', String(root.get('v')))
  const actors = shape.array(root.get('actors'), 'actors').map(parseActor)
  const routes = shape.array(root.get('routes'), 'routes').map(parseRoute)
  requireOrder(
    shape,
    'actors',
    actors.map(({ name }) => name),
    { least: 1, most: 64 },
  )
  requireOrder(
    shape,
    'routes',
    routes.map(({ path }) => path),
    { least: 0, most: 256 },
  )
  for (const { path, actor } of routes)
    if (!actors.some(({ name }) => name === actor))
      shape.refuse('routes', `an actor of the manifest for ${path}`, actor)
  return {
    v: 1,
    name: requireFits(shape, 'name', 'app', shape.text(root.get('name'), 'name')),
    actors,
    routes,
    floor: parseFloor(root.get('floor')),
  }
}

function parseActor(value: CborValue): AppActor {
  const map = shape.map(value, 'actors', ['name', 'minVersion', 'bindings', 'limits', 'environment'])
  const bindings = shape.array(map.get('bindings'), 'bindings').map(parseBinding)
  requireOrder(shape, 'bindings', bindings.map(bindingKey), { least: 0, most: 64 })
  const minVersion = shape.uint(map.get('minVersion'), 'minVersion')
  if (minVersion === 0) shape.refuse('minVersion', 'a version from 1', '0')
  return {
    name: requireFits(shape, 'actors', 'ledgerName', shape.text(map.get('name'), 'actors')),
    minVersion,
    bindings,
    limits: parseLimits(map.get('limits')),
    environment: parseTexts(map.get('environment'), 'environment', 'variable'),
  }
}

function parseBinding(value: CborValue): AppBinding {
  const map = shape.map(value, 'bindings', ['name', 'capability', 'provider', 'settings'])
  const provider = map.get('provider')!
  return {
    name: requireFits(shape, 'bindings', 'bindingName', shape.text(map.get('name'), 'bindings')),
    capability: requireFits(shape, 'capability', 'capability', shape.text(map.get('capability'), 'capability')),
    provider: provider === null ? null : requireFits(shape, 'provider', 'ledgerName', shape.text(provider, 'provider')),
    settings: parseTexts(map.get('settings'), 'settings', 'setting'),
  }
}

function parseLimits(value: CborValue | undefined): AppActor['limits'] {
  if (!(value instanceof Map)) return shape.refuse('limits', 'a map', 'none')
  const limits: AppActor['limits'] = {}
  for (const [name, limit] of value) {
    limits[shape.oneOf(name, 'limits', LIMIT_NAMES)] = shape.uint(limit, String(name))
  }
  return limits
}

function parseTexts(value: CborValue | undefined, name: string, rule: 'setting' | 'variable'): Record<string, string> {
  if (!(value instanceof Map)) return shape.refuse(name, 'a map', 'none')
  const texts = Array.from(value, ([key, text]): [string, string] => [
    requireFits(shape, name, rule, shape.text(key, name)),
    requireFits(shape, String(key), 'value', shape.text(text, String(key))),
  ])
  const bytes = texts.flat().reduce((sum, text) => sum + utf8(text).length, 0)
  if (bytes > MAX_TEXTS_BYTES) shape.refuse(name, `at most ${MAX_TEXTS_BYTES} bytes`, `${bytes}`)
  return Object.fromEntries(texts)
}

/** All of an actor's environment, and all settings of one binding. */
export const MAX_TEXTS_BYTES = 4096

function parseRoute(value: CborValue): AppRoute {
  const map = shape.map(value, 'routes', ['path', 'actor', 'methods'])
  const methods = shape.array(map.get('methods'), 'methods').map((item) => shape.oneOf(item, 'methods', METHODS))
  requireOrder(shape, 'methods', methods, { least: 0, most: METHODS.length })
  return {
    path: requireFits(shape, 'path', 'path', shape.text(map.get('path'), 'path')),
    actor: shape.text(map.get('actor'), 'routes'),
    methods,
  }
}

function parseFloor(value: CborValue | undefined): AppFloor {
  const map = shape.map(value, 'floor', ['integrity', 'confidentiality', 'isolation'])
  return {
    integrity: shape.oneOf(map.get('integrity'), 'integrity', INTEGRITY),
    confidentiality: shape.oneOf(map.get('confidentiality'), 'confidentiality', CONFIDENTIALITY),
    isolation: shape.oneOf(map.get('isolation'), 'isolation', ISOLATION),
  }
}

function bindingKey({ capability, name }: AppBinding): string {
  return `${capability} ${name}`
}

function sortBy<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...items].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0))
}
