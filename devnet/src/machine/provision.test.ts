import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Attester, createAttester, createTpm } from '@teapot-network/daemon/tpm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTpmMaker, provisionTpm, readMakerRoot } from './provision.ts'
import { powerOnSwtpm } from './swtpm.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teapot-maker-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function inspect(stateDir: string): Promise<Pick<Attester, 'node' | 'ek' | 'ekDigest'>> {
  const socket = join(folder, 's')
  const swtpm = await powerOnSwtpm({ socket, stateDir, logFile: join(folder, 'log') })
  const tpm = createTpm({ socket })
  try {
    return await createAttester(tpm)
  } finally {
    await tpm[Symbol.asyncDispose]()
    await swtpm.powerOff()
  }
}

test('TPMs made at once are of one maker, each another, and show their whole chain up to its root', async () => {
  const maker = await openTpmMaker(join(folder, 'ca'))
  const states = ['a', 'b', 'c'].map((name) => join(folder, name))
  await Promise.all(states.map((state) => provisionTpm(maker, state)))
  const root = new X509Certificate(await readMakerRoot(maker))
  const nodes = new Set<string>()
  for (const state of states) {
    const { node, ek } = await inspect(state)
    const [certificate, issuer] = ek.map((der) => new X509Certificate(der))
    expect(ek).toHaveLength(2)
    expect(certificate!.verify(issuer!.publicKey) && issuer!.verify(root.publicKey)).toBe(true)
    nodes.add(node)
  }
  expect(nodes.size).toBe(3)
})

test('a TPM that is there already stays, and one whose making was cut short is made anew', async () => {
  const maker = await openTpmMaker(join(folder, 'ca'))
  const state = join(folder, 'd')
  await provisionTpm(maker, state)
  const first = await inspect(state)
  await provisionTpm(maker, state)
  expect((await inspect(state)).ekDigest).toBe(first.ekDigest)
  await rm(join(state, 'provisioned'))
  await provisionTpm(maker, state)
  expect((await inspect(state)).ekDigest).not.toBe(first.ekDigest)
})

test('what swtpm_setup cannot do is told in its own words', async () => {
  const maker = await openTpmMaker(join(folder, 'broken'))
  await writeFile(join(maker.folder, 'setup.conf'), 'create_certs_tool = /nowhere\n')
  await expect(provisionTpm(maker, join(folder, 'e'))).rejects.toMatchObject({ code: 'machine/not-provisioned' })
})

test('a TPM that does not come up is told apart', async () => {
  const stateDir = join(folder, 'nowhere')
  await expect(powerOnSwtpm({ socket: join(folder, 't'), stateDir, logFile: '/dev/null' })).rejects.toMatchObject({
    code: 'machine/no-swtpm',
  })
})
