import { randomBytes } from 'node:crypto'
import { parseAttest, parseTpmPublic, parseTpmSignature, toHex, verifyTpmSignature } from '@teapot-network/trust'
import { expect, test } from 'vitest'
import { loadAk } from './ak.ts'
import { certify, createPrimary, HIERARCHY, type RawQuote } from './commands/keys.ts'
import { certifyLogNumber, raiseLogNumber, readLogNumber } from './log-number.ts'
import { createSwtpm } from './swtpm.fixture.ts'
import { STORAGE_TEMPLATE } from './templates.ts'
import { createTpm } from './tpm.ts'
import { createReader } from './wire.ts'

test('the AK certifies a key that lives beside it, and the value of the log number; what it signs verifies', async () => {
  await using swtpm = await createSwtpm()
  await using tpm = createTpm({ socket: swtpm.socket })
  const connection = await tpm.connect()
  const ak = await loadAk(connection)
  const nonce = randomBytes(32)
  const check = async ({ attest, signature }: RawQuote) => {
    const parsed = parseAttest(attest)
    expect(toHex(parsed.extraData)).toBe(toHex(nonce))
    expect(await verifyTpmSignature(parseTpmPublic(ak.public), attest, parseTpmSignature(signature))).toBe(true)
    return parsed.attested
  }
  const key = await createPrimary(connection, HIERARCHY.owner, STORAGE_TEMPLATE)
  const certified = await check(await certify(connection, key.handle, ak.handle, nonce))
  expect(certified).toMatchObject({ type: 'certify', name: key.name })
  for (let i = 0; i < 2; i++) {
    const said = await check(await certifyLogNumber(connection, ak, nonce))
    if (said.type !== 'nv') throw new Error(said.type)
    expect(Number(createReader(said.contents).u64())).toBe(await readLogNumber(connection))
    await raiseLogNumber(connection)
  }
})
