import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { hostileComponent, INJECTED } from '../testing/hostile-component.ts'
import { componentFixture, parseWat } from '../testing/parse-wat.ts'
import { runGenerator } from './generator.ts'
import { markOf, readSkeleton } from './skeleton.ts'

const fixtures = new Map<string, Uint8Array>()
beforeAll(async () => {
  for (const name of ['actor', 'world', 'command', 'library', 'functions'])
    fixtures.set(name, await componentFixture(name))
})

const generate = async (component: Uint8Array) => {
  const { names } = readSkeleton(component)
  return runGenerator(component, { waits: ['teapot:actor/host#invoke'], exports: names, declare: false })
}

test('A skeleton has the shape of its component, and none of its code, data and custom sections', () => {
  const component = fixtures.get('actor')!
  const { bytes, modules, imports, exports, names } = readSkeleton(component)
  expect(imports).toEqual(['teapot:actor/host@0.1.0'])
  expect(exports).toEqual(['teapot:actor/handler@0.1.0'])
  expect([...names]).toEqual(expect.arrayContaining(['invoke', 'log', 'handle']))
  expect(modules).toHaveLength(2)
  expect(Buffer.from(component).includes('no tea today')).toBe(true)
  expect(Buffer.from(bytes).includes('no tea today')).toBe(false)
  expect(Buffer.from(bytes).includes('component-name')).toBe(false)
  expect(bytes.length).toBeLessThan(component.length)
})

test('The generator makes the same of a skeleton as of the component', async () => {
  for (const [name, component] of fixtures) {
    const { bytes, modules, names } = readSkeleton(component)
    const whole = await generate(component)
    const fromSkeleton = await runGenerator(bytes, {
      waits: ['teapot:actor/host#invoke'],
      exports: names,
      declare: false,
    })
    // What waits is known from the code, but all exports may, and that is said.
    const plain = (script: Uint8Array) =>
      Buffer.from(script)
        .toString()
        .replace(/Object\.assign\((.*), \{ _jcoMaySuspend: \w+ \}\)/g, '$1')
    expect(plain(fromSkeleton.script), name).toBe(plain(whole.script))
    const marks = [...fromSkeleton.modules.values()].map(markOf).filter((mark) => mark !== undefined)
    expect(new Set(marks).size, name).toBe(modules.length)
    for (const [file, module] of fromSkeleton.modules) {
      const mark = markOf(module)
      expect(Buffer.from(mark === undefined ? module : modules[mark]!), file).toEqual(
        Buffer.from(whole.modules.get(file)!),
      )
    }
  }
})

test('A script in a name would run where it is evaluated, and is refused before it comes to that', async () => {
  const component = await parseWat(hostileComponent('import'))
  const { script } = await runGenerator(component, { waits: [], exports: [], declare: false })
  expect(Buffer.from(script).includes(`'${INJECTED}'`)).toBe(true)
  for (const place of ['import', 'export', 'argument'] as const)
    expect(await refusalOf(parseWat(hostileComponent(place))), place).toMatch(
      /^Expected names that toolchains use in core modules, found "a': \(globalThis/,
    )
})

test('A name that no toolchain gives is refused, wherever it stands', async () => {
  for (const name of ['__proto__', '\u2028', '*/', '{x}', 'a\\', 'a\n'])
    expect(await refusalOf(parseWat(hostileComponent('import', name))), name).toContain('found')
  const places = [
    '(import "url=<https://example.org/x>" (component))',
    '(component (import "unlocked-dep=<a:b>" (func)))',
    `(component (core module $m) (core instance (instantiate $m)) (core instance (instantiate $m (with "a'" (instance 0)))))`,
  ]
  for (const place of places)
    expect(await refusalOf(parseWat(`(component ${place})`)), place).toMatch(/^Expected names/)
})

test('What is no component, cut short, or of a form not known here is refused', async () => {
  const component = fixtures.get('actor')!
  expect(() => readSkeleton(new Uint8Array(0))).toThrow('Expected a component')
  expect(() => readSkeleton(Buffer.from('0061736d01000000', 'hex'))).toThrow('Expected a component')
  for (let length = 0; length < component.length - 1; length += 7)
    expect(() => {
      // Cut between sections it is a component, but one that exports nothing.
      if (readSkeleton(component.subarray(0, length)).exports.length === 0) throw new Error('Expected')
    }, `${length}`).toThrow('Expected')
  expect(await refusalOf(parseWat('(component (core type (func)))'))).toContain('a section of a component')
  const deep = '(component '.repeat(18) + ')'.repeat(18)
  expect(await refusalOf(parseWat(deep))).toContain('nested at most 16 deep')
  const types = `(component ${'(type (instance '.repeat(18)}${'))'.repeat(18)})`
  expect(await refusalOf(parseWat(types))).toContain('types nested at most 16 deep')
})

test('Whatever is changed in a component, it is read or refused', () => {
  for (const component of fixtures.values())
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(component.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const changed = Uint8Array.from(component)
          for (const [at, byte] of changes) changed[at] = byte
          try {
            readSkeleton(changed)
          } catch (error) {
            expect(error).toMatchObject({ name: 'GuestFault', failure: 'bad-module' })
          }
        },
      ),
      { numRuns: 300 },
    )
})

async function refusalOf(component: Promise<Uint8Array>): Promise<string> {
  const bytes = await component
  try {
    readSkeleton(bytes)
  } catch (error) {
    expect(error).toMatchObject({ name: 'GuestFault', failure: 'bad-module' })
    return (error as Error).message
  }
  throw new Error('Expected a refusal, found a skeleton')
}
