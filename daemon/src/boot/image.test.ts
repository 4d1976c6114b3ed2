import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Digest, digestOf, entryDigest, extendPcr, TeapotError, toHex } from '@teapot-network/trust'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildImage, buildModule } from './build-image.ts'
import {
  imageMeasurement,
  launcherEntry,
  type MeasuredImage,
  measureImage,
  parseManifest,
  referenceValue,
  runtimeEntry,
} from './image.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teapot-image-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const digest = (byte: number): Digest => toHex(new Uint8Array(32).fill(byte))
const image: MeasuredImage = {
  node: digest(1),
  files: { 'launcher.mjs': digest(2), 'daemon.mjs': digest(3) },
  flags: ['--no-addons'],
  settings: { debug: false },
}

describe('a measurement', () => {
  test('does not depend on the order of files and settings', () => {
    const { 'launcher.mjs': launcher, 'daemon.mjs': daemon } = image.files
    const other = { ...image, files: { 'daemon.mjs': daemon!, 'launcher.mjs': launcher! } }
    expect(imageMeasurement(other)).toBe(imageMeasurement(image))
  })

  test.each<[string, MeasuredImage]>([
    ['Node', { ...image, node: digest(9) }],
    ['the bytes of a file', { ...image, files: { ...image.files, 'daemon.mjs': digest(9) } }],
    ['the name of a file', { ...image, files: { 'launcher.mjs': digest(2), 'other.mjs': digest(3) } }],
    ['one file more', { ...image, files: { ...image.files, 'more.mjs': digest(3) } }],
    ['a flag', { ...image, flags: ['--addons'] }],
    ['a setting', { ...image, settings: { debug: true } }],
  ])('changes with %s', (_, other) => {
    expect(imageMeasurement(other)).not.toBe(imageMeasurement(image))
    expect(referenceValue(other)).not.toBe(referenceValue(image))
  })

  test('changes with the order of flags, of which Node lets the last one win', () => {
    const [one, other] = [
      ['--a', '--b'],
      ['--b', '--a'],
    ].map((flags) => imageMeasurement({ ...image, flags }))
    expect(one).not.toBe(other)
  })

  test('and the launcher entry make up R', () => {
    const launcher = launcherEntry(image.files['launcher.mjs']!, image.node)
    const afterLauncher = extendPcr(digest(0), entryDigest(launcher))
    expect(referenceValue(image)).toBe(extendPcr(afterLauncher, entryDigest(runtimeEntry(image))))
  })

  test('of this image is this, on every machine', () => {
    expect(imageMeasurement(image)).toMatchInlineSnapshot(
      `"0x898ce778edb0682cee92663895fd4021e6748e953f32516ad687224efeb34c0e"`,
    )
    expect(referenceValue(image)).toMatchInlineSnapshot(
      `"0x75bc3cf9f22864d62160bb0637eb858bcd47c2b795f7053187b8798e5023142c"`,
    )
  })
})

describe('image.json', () => {
  const good = { files: ['daemon.mjs', 'launcher.mjs'], flags: ['--no-addons'], settings: { a: 1, b: 'x', c: true } }

  test('is read as it is', () => {
    expect(parseManifest(JSON.stringify(good))).toEqual(good)
  })

  test.each<[string, unknown]>([
    ['a list', []],
    ['nothing', null],
    ['a field too many', { ...good, env: {} }],
    ['a field too few', { files: good.files, flags: [] }],
    ['a path as file', { ...good, files: [...good.files, '../x.mjs'] }],
    ['an absolute path as file', { ...good, files: [...good.files, '/x.mjs'] }],
    ['a file twice', { ...good, files: [...good.files, 'daemon.mjs'] }],
    ['no launcher', { ...good, files: ['daemon.mjs'] }],
    ['no daemon', { ...good, files: ['launcher.mjs'] }],
    ['the program to run as a flag', { ...good, flags: ['/tmp/evil.mjs'] }],
    ['a flag that is no text', { ...good, flags: [1] }],
    ['a setting of many parts', { ...good, settings: { a: {} } }],
    ['a fraction as setting', { ...good, settings: { a: 0.5 } }],
  ])('with %s is refused', (_, value) => {
    expect(() => parseManifest(JSON.stringify(value))).toThrow(expect.objectContaining({ code: 'boot/bad-image' }))
  })

  test('of any text is read or refused, never anything else', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record({ files: fc.jsonValue(), flags: fc.jsonValue(), settings: fc.jsonValue() })
        .map((v) => JSON.stringify(v)),
    )
    fc.assert(
      fc.property(texts, (text) => {
        try {
          parseManifest(text)
        } catch (error) {
          expect(error).toBeInstanceOf(TeapotError)
        }
      }),
    )
  })
})

describe('building', () => {
  const sources = {
    'main.ts': "import { two } from './lib/two.ts'\nimport cjs from './lib/cjs.cjs'\nconsole.log(two, cjs.name)\n",
    'lib/two.ts': 'export const two: number = 2\n',
    'lib/cjs.cjs': "module.exports = { name: require('node:path').basename('/a/b') }\n",
  }
  async function checkout(name: string): Promise<string> {
    const root = join(folder, name)
    await mkdir(join(root, 'lib'), { recursive: true })
    for (const [path, text] of Object.entries(sources)) await writeFile(join(root, path), text)
    return root
  }

  test('the same sources in two places gives the same bytes, with no path of either', async () => {
    const outputs = await Promise.all(
      ['here', 'somewhere/else'].map(async (name) => {
        const outFile = join(folder, name, 'out', 'main.mjs')
        await buildModule({ root: await checkout(name), source: 'main.ts', outFile })
        return readFile(outFile, 'utf8')
      }),
    )
    expect(outputs[0]).toBe(outputs[1])
    expect(outputs[0]).not.toContain(folder)
  })

  test('an image gives what measuring its folder gives, whatever is built beside it', async () => {
    const outDir = join(folder, 'image')
    const root = await checkout('product')
    const options = { root, entries: { 'launcher.mjs': 'main.ts', 'daemon.mjs': 'main.ts' }, settings: { a: 1 } }
    const built = await buildImage({ ...options, outDir })
    expect(await measureImage(outDir)).toEqual(built)
    expect(built.files['daemon.mjs']).toBe(digestOf(await readFile(join(outDir, 'daemon.mjs'))))
    const besides = { [join(folder, 'beside.mjs')]: 'lib/two.ts' }
    expect(await buildImage({ ...options, outDir: join(folder, 'again'), besides })).toEqual(built)
    expect(await readFile(join(folder, 'beside.mjs'), 'utf8')).toContain('two = 2')
    await rm(join(outDir, 'node'))
    await expect(measureImage(outDir)).rejects.toMatchObject({ code: 'boot/bad-image' })
  })
})
