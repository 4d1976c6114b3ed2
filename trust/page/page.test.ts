import { readFileSync } from 'node:fs'
import { version } from 'esbuild'
import { type Browser, chromium, type Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeSampleProof } from '../src/proof/sample-proof.fixture.ts'
import { buildPage } from './build.ts'

const FILE = new URL('verify.html', import.meta.url)
const VECTORS = new URL('../../spec/vectors/', import.meta.url)
const pinned = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).devDependencies.esbuild
const { ledgers } = JSON.parse(readFileSync(new URL('vectors.json', VECTORS), 'utf8'))
const NOW = Buffer.from(JSON.stringify(ledgers.now))
const vector = (name: string) => readFileSync(new URL(name, VECTORS))

describe('the verify page', () => {
  const other = version === pinned ? '' : ` (needs esbuild ${pinned}, found ${version})`
  it.skipIf(other)(`is built from what stands beside it; after a change: npm run generate${other}`, async () => {
    expect(readFileSync(FILE, 'utf8') === (await buildPage())).toBe(true)
  })
})

describe('the verify page, from a file, without a network', () => {
  let browser: Browser
  let page: Page
  const requested: string[] = []
  const problems: string[] = []

  beforeAll(async () => {
    const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
    const args = ['--no-sandbox', '--disable-gpu', '--no-first-run']
    // What hangs, the tests' own timeouts end.
    browser = await chromium.launch({ executablePath, args, timeout: 0 })
    page = await browser.newPage()
    page.setDefaultTimeout(0)
    await page.context().setOffline(true)
    page.on('request', (request) => requested.push(request.url()))
    page.on('pageerror', (error) => problems.push(String(error)))
    page.on('console', (message) => problems.push(message.text()))
  })
  afterAll(async () => {
    await browser?.close()
  })

  /** The article's class and text once these files are chosen. */
  async function told(proof: Uint8Array, more: Record<string, Uint8Array> = {}): Promise<string> {
    await page.goto(FILE.href)
    for (const [id, bytes] of Object.entries({ ...more, proof })) {
      await page.setInputFiles(`#${id}`, { name: `a.${id}`, mimeType: '', buffer: Buffer.from(bytes) })
    }
    const article = page.locator('#report > article')
    return `${await article.getAttribute('class')}\n${await article.textContent()}`
  }

  it.each([
    [
      'standing.proof',
      { facts: NOW, request: Buffer.from('world'), response: Buffer.from('hello, world') },
      /^affirming\n.*Holds.*tier affirming.*confirmed.*anchored.*integrity none.*AK and EK live in one TPM/s,
    ],
    [
      'standing.proof',
      {},
      /^warning\n.*with a reservation.*facts from the caller.*anchored.*taken on trust.*request not given/s,
    ],
    ['plain.proof', { facts: NOW }, /^affirming\n.*provisional.*not anchored.*no bound/s],
    ['child.proof', { facts: NOW }, /^affirming\n.*Calls it made.*hello 1, greet.*Holds.*What the node signed/s],
    [
      'plain.proof',
      { request: Buffer.from('World') },
      /^none\n.*Proves nothing.*Expected hello greet.*unproven.*proof\/request/s,
    ],
    ['salt-wrong.proof', { facts: NOW }, /^none\n.*Smallest fix.*What it says, unproven.*proof\/signature/s],
    ['truncated.proof', { facts: NOW }, /^none\n.*cut short.*proof\/form/s],
    ['revoked-release.proof', {}, /^contraindicated\n.*Contradicted.*revoked since block/s],
    ['plain.proof', { facts: Buffer.from('{}') }, /^none\n.*Nothing was checked.*Expected in a.facts what.*no facts/s],
  ] as const)('tells of %s, case %#, what it is worth and why', async (name, more, expected) => {
    expect(await told(vector(name), more)).toMatch(expected)
  })

  it('lists apart from all reasons what was not checked', async () => {
    await told(vector('plain.proof'), { facts: NOW })
    const left = (await page.locator('.left').textContent())!
    for (const what of ['request not given', 'response not given', 'AK and EK', 'provisional'])
      expect(left).toContain(what)
    expect(left).not.toContain('can be read')
  })

  it('shows no text of a file other than it is: nothing in it turns a line', async () => {
    const { issue, claims } = await makeSampleProof()
    const name = 'hello\u202e!sdloH\u2066\u200b<img src=x onerror=alert(1)>'
    const text = await told(await issue({ actor: { ...claims.actor, name }, operation: name }))
    expect(text).toContain('hello\ufffd!sdloH\ufffd\ufffd<img')
    expect(await page.locator('body').textContent()).not.toMatch(/[\u202e\u2066\u200b]/)
    expect(await page.locator('#report img').count()).toBe(0)
  })

  it('shows the whole file in a readable form, and texts of the file as texts', async () => {
    await told(vector('failure.proof'))
    expect(JSON.parse((await page.locator('pre').textContent())!)).toMatchObject({
      claims: { outcome: 'actor/refused' },
    })
  })

  it('takes a file that is dropped beside its field', async () => {
    await page.goto(FILE.href)
    await page.evaluate(
      (bytes) => {
        const dataTransfer = new DataTransfer()
        dataTransfer.items.add(new File([Uint8Array.from(bytes)], 'dropped.proof'))
        document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
      },
      [...vector('plain.proof')],
    )
    await page.locator('article.warning').waitFor()
    expect(await page.locator('#proof-name').textContent()).toBe('dropped.proof')
  })

  it('asked nobody, and cannot: its own policy forbids it', async () => {
    expect(requested.filter((url) => url !== FILE.href && url !== 'data:,')).toEqual([])
    expect(problems).toEqual([])
    const outcome = await page.evaluate(() => fetch('http://127.0.0.1:9/').then(String, (error) => String(error)))
    expect(outcome).toContain('Failed to fetch')
    await expect.poll(() => problems.join()).toContain('Content Security Policy')
  })
})
