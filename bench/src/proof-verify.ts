import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { verifyProof } from '@teapot-network/trust'
import { build } from 'esbuild'
import { chromium } from 'playwright'
import { median } from './host-open.ts'

const TIMES = 40
const vector = (name: string) => readFileSync(new URL(`../../spec/vectors/${name}`, import.meta.url))
const bundle = [...vector('plain.proof')]
const { facts } = JSON.parse(vector('vectors.json').toString()).ledgers.now

/** Median milliseconds to verify the plain bundle of spec/vectors against its ledger, in the best of so many runs. */
export async function verifyTimes(runs: number): Promise<{ node: number; chromium: number }> {
  const inNode: number[] = []
  for (let run = 0; run < runs; run++) inNode.push(median(await timed(verifyProof, bundle, facts, TIMES)))
  return { node: Math.min(...inNode), chromium: Math.min(...(await inChromium(runs))) }
}

/** Runs here and, as its own text, in the page. */
async function timed(verify: typeof verifyProof, bytes: number[], facts: never, times: number): Promise<number[]> {
  const took: number[] = []
  for (let i = 0; i < times; i++) {
    const began = performance.now()
    const { tier, summary } = await verify(Uint8Array.from(bytes), { facts })
    took.push(performance.now() - began)
    if (tier !== 'affirming') throw new Error(`the sample is ${tier}: ${summary}`)
  }
  return took
}

async function inChromium(runs: number): Promise<number[]> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(import.meta.resolve('@teapot-network/trust'))],
    ...{ bundle: true, minify: true, format: 'iife', globalName: 'trust', platform: 'browser', write: false },
  })
  // WebCrypto is there only for pages of a secure origin, such as one of this machine.
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html>'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
  try {
    const page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    await page.addScriptTag({ content: outputFiles[0]!.text })
    const call = `(${timed})(trust.verifyProof, ${JSON.stringify(bundle)}, ${JSON.stringify(facts)}, ${TIMES})`
    const medians: number[] = []
    for (let run = 0; run < runs; run++) medians.push(median(await page.evaluate<number[]>(call)))
    return medians
  } finally {
    await browser.close()
    server.close()
  }
}
