// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references in manifests are written so
import { readFileSync } from 'node:fs'
import { encodeManifest, LIMIT_NAMES, parseManifest } from '@teapot-network/trust/app'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import { MANIFEST_SCHEMA, ManifestRefused, readManifest } from './index.ts'

const root = new URL('../../../', import.meta.url)
const howTo = readFileSync(new URL('docs/how-to/write-a-manifest.md', root), 'utf8')
const example = /```yaml\n(.*?)```/s.exec(howTo)![1]!

const least = 'name: app\nactors:\n  - name: one\n'
const read = (text: string, environment: Record<string, string> = {}) => readManifest(text, { environment })

/** The problems of a text, as `line:column field`, with what to do. */
function problems(text: string, environment?: Record<string, string>): string[] {
  try {
    read(text, environment)
    return []
  } catch (error) {
    if (!(error instanceof ManifestRefused)) throw error
    expect(error).toMatchObject({ code: 'manifest/invalid', kind: 'refused' })
    return error.problems.map(({ line, column, field, fix }) => `${line}:${column} ${field} ${fix}`)
  }
}

describe('teapot.yaml', () => {
  it('of the how-to page is what the page says, and what nodes read', () => {
    const manifest = read(example, { GREETING: 'Servus' })
    expect(manifest).toMatchObject({
      name: 'guestbook',
      actors: [
        {
          minVersion: 2,
          bindings: [
            {
              name: 'default',
              capability: 'wascc:keyvalue',
              provider: 'keyvalue-redis',
              settings: { url: 'rediss://redis.example.com' },
            },
            { name: 'weather', provider: null, settings: { allow: 'https://api.weather.example' } },
            { capability: 'wasi:config', settings: { 'weather-token': 'secret:weather' } },
            { capability: 'actor:audit' },
          ],
          limits: { memoryPages: 64, deadlineMs: 500 },
          environment: { GREETING: 'Servus' },
        },
        { name: 'audit', minVersion: 1, bindings: [] },
      ],
      routes: [{ path: '/', actor: 'guestbook', methods: ['GET', 'POST'] }],
      floor: { integrity: 'none', confidentiality: 'none', isolation: 'user' },
    })
    expect(parseManifest(encodeManifest(manifest)).routes).toEqual(manifest.routes)
  })

  it('may leave out all but names', () => {
    expect(read(least)).toEqual({
      v: 1,
      name: 'app',
      actors: [{ name: 'one', minVersion: 1, bindings: [], limits: {}, environment: {} }],
      routes: [],
      floor: { integrity: 'none', confidentiality: 'none', isolation: 'process' },
    })
  })

  it.each<[string, string, string[]]>([
    ['an unknown field', `${least}rutes: []\n`, ['4:1 rutes did you mean routes?']],
    [
      'a field that nothing resembles',
      `${least}replicas: 3\n`,
      ['4:1 replicas take it out; known are name, actors, routes, floor'],
    ],
    ['a missing field', 'name: app\n', ['1:1  add it']],
    ['no name for an actor', 'name: app\nactors:\n  - minVersion: 1\n', ['3:5 actors[0] add it']],
    [
      'a number for a text',
      `${least}    environment:\n      PORT: 8080\n`,
      ['5:13 actors[0].environment.PORT put it in quotes'],
    ],
    [
      'a text for a number',
      `${least}    limits: {fuel: "1e9"}\n`,
      ['4:20 actors[0].limits.fuel write the number without quotes and units'],
    ],
    [
      'an unknown limit',
      `${least}    limits: {memorypages: 2}\n`,
      ['4:14 actors[0].limits.memorypages did you mean memoryPages?'],
    ],
    ['a limit below zero', `${least}    limits: {fuel: -1}\n`, ['4:20 actors[0].limits.fuel change it']],
    ['no list', 'name: app\nactors: one\n', ['2:9 actors write a list, each item after a dash']],
    ['nothing after a key', `${least}routes:\n`, ['4:8 routes write a list, each item after a dash']],
    ['an unknown level', `${least}floor:\n  isolation: namespace\n`, ['5:14 floor.isolation did you mean namespaces?']],
    ['a bad variable', `${least}    environment: {A-B: x}\n`, ['4:19 actors[0].environment.A-B rename it']],
    ['a bad path', `${least}routes: [{path: x, actor: one}]\n`, ['4:17 routes[0].path change it']],
    [
      'a route to a stranger',
      `${least}routes: [{path: /, actor: two}]\n`,
      ['4:27 routes[0].actor name it under actors'],
    ],
    ['an actor twice', `${least}  - name: one\n`, ['4:11 actors[1].name take it out, or rename it']],
    [
      'a binding twice',
      `${least}    bindings: [{capability: a}, {capability: a}]\n`,
      ['4:33 actors[0].bindings[1] take it out, or rename it'],
    ],
    [
      'a path twice',
      `${least}routes: [{path: /, actor: one}, {path: /, actor: one}]\n`,
      ['4:40 routes[1].path take it out, or rename it'],
    ],
    ['too much text', `${least}    environment: {A: ${'x'.repeat(4096)}}\n`, ['4:18 actors[0].environment shorten it']],
    ['a key twice', `${least}name: b\n`, ['4:1  mend it']],
    ['a tab', 'name: app\nactors:\n\t- name: one\n', ['3:1  mend it']],
    ['an alias', 'name: &a app\nactors:\n  - name: *a\n', ['3:11  write it out']],
    ['two documents', `${least}---\n${least}`, ['4:1  mend it']],
    ['nothing', '', ['1:1  give it a value, or take it out']],
    ['far too much', 'x'.repeat(300_000), ['1:1  make it smaller or simpler']],
  ])('with %s is refused, with line, column and what to do', (_, text, expected) => {
    expect(problems(text)).toEqual(expected)
  })

  it('tells all its problems at once, each in one line', () => {
    const text = `${least}    minVersion: x\n    bindings: none\n`
    expect(problems(text)).toHaveLength(2)
    expect(() => read(text)).toThrow(
      /^teapot\.yaml:4:17 actors\[0\]\.minVersion: expected a whole number, found "x"; .*\n/,
    )
  })

  it('never sets a whole machine to work', () => {
    const bomb = `a: &a [x]\n${'bcdefghi'
      .split('')
      .map((key, i) => `${key}: &${key} [${`*${'abcdefgh'[i]},`.repeat(9)}]\n`)
      .join('')}`
    expect(problems(bomb).length).toBeGreaterThan(0)
  })

  it('throws nothing but refusals, whatever the text', () => {
    const line = fc.constantFrom(
      'name: a',
      'actors:',
      '  - name: b',
      '    limits: {fuel: 1}',
      '? [',
      '!!js x',
      '&a',
      '- *a',
      '${A}',
      '"',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(line).map((lines) => lines.join('\n')),
        ),
        (text) => void problems(text),
      ),
    )
  })
})

describe('references', () => {
  const bound = (settings: string) =>
    `${least}    bindings:\n      - capability: a\n        settings:\n          x: ${settings}\n`
  const setting = (text: string, environment = {}) =>
    read(bound(text), environment).actors[0]!.bindings[0]!.settings['x']

  it('stand for the environment, else for their default', () => {
    expect(setting('"${HOST:local}:${PORT}"', { PORT: '80' })).toBe('local:80')
    expect(setting('"${HOST:local}"', { HOST: '' })).toBe('')
    expect(setting('"$${HOST} $HOST"')).toBe('${HOST} $HOST')
  })

  it('without value and default are refused, by name', () => {
    expect(problems(bound('"${toString}"'))).toEqual(['7:14  set toString, or give a default: ${toString:…}'])
  })

  it('never become anything but the text, or number, that they stand in', () => {
    expect(setting('${A}', { A: '"}\nname: evil' })).toBe('"}\nname: evil')
    expect(setting('${A}', { A: '80' })).toBe('80')
    expect(setting('${A}', { A: '${B}', B: 'x' })).toBe('${B}')
    const limited = read(`${least}    minVersion: \${V}\n    limits:\n      fuel: \${F:7}\n`, { V: '3' }).actors[0]!
    expect([limited.minVersion, limited.limits]).toEqual([3, { fuel: 7 }])
  })
})

it('a refusal says twenty problems, and how many more there are', () => {
  const many = `${least}${Array.from({ length: 50 }, (_, i) => `odd${i}: 1\n`).join('')}`
  const refusal = vi.fn(() => read(many))
  expect(refusal).toThrow(ManifestRefused)
  const { problems, message } = refusal.mock.results[0]!.value as ManifestRefused
  expect(problems).toHaveLength(50)
  expect(message.split('\n')).toHaveLength(21)
  expect(message).toMatch(/\nand 30 more$/)
})

describe('the schema', () => {
  it('that editors use is the one that decides', () => {
    const published = JSON.parse(readFileSync(new URL('docs/teapot.schema.json', root), 'utf8'))
    expect(published, 'docs/teapot.schema.json is stale: npm run generate').toEqual(MANIFEST_SCHEMA)
  })

  it('knows every limit, and takes the example', () => {
    const validate = new Ajv2020({ strict: true }).compile(MANIFEST_SCHEMA)
    expect(validate(parse(example))).toBe(true)
    const limits = Object.fromEntries(LIMIT_NAMES.map((name) => [name, 1]))
    expect(validate({ name: 'a', actors: [{ name: 'b', limits }] })).toBe(true)
  })
})
