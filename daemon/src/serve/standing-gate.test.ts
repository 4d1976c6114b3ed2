import type { NodeStatus } from '@teapot-network/trust'
import { expect, test } from 'vitest'
import { createGreeter, createMemoryReceipts, createParts } from './parts.fixture.ts'
import { createServer } from './server.ts'
import { gateByStanding } from './standing-gate.ts'

/** A box whose standing is what the test says, and that greets. */
async function start() {
  const greeter = createGreeter()
  const receipts = createMemoryReceipts()
  const ledger: { standing: NodeStatus | undefined } = { standing: 'active' }
  const caller = gateByStanding(greeter, () => ledger.standing)
  const server = await createServer(createParts({ caller, receipts }))
  const call = (operation: string) =>
    fetch(`${server.url}/v1/actors/hello/${operation}`, { method: 'POST', body: 'Ada' })
  return { greeter, receipts, ledger, call, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

test.each(['suspect', 'quarantined', 'inactive', 'retired'] as const)(
  'a node that the ledger calls %s takes no call, says what to do, and makes no receipt',
  async (standing) => {
    await using box = await start()
    box.ledger.standing = standing
    const refused = await box.call('greet')
    const { code, message } = (await refused.json()) as { code: string; message: string }
    expect([refused.status, code]).toEqual([503, 'serve/not-active'])
    expect(message).toMatch(new RegExp(`found ${standing}; call another node`))
    expect(box.receipts.issued).toBe(0)
    box.ledger.standing = 'active'
    expect(await (await box.call('greet')).text()).toBe('Hello, Ada')
  },
)

test('a call in flight when the node falls out is refused, its result and receipt kept back', async () => {
  await using box = await start()
  const calling = box.call('wait')
  await expect.poll(() => box.greeter.waiting).toBe(1)
  box.ledger.standing = 'suspect'
  box.greeter.release()
  const refused = await calling
  expect([refused.status, await refused.json()]).toMatchObject([503, { code: 'serve/left-service' }])
  expect(box.receipts.issued).toBe(0)
})

test.each(['pending', 'upgrading', undefined] as const)(
  'a node on its way in (%s) serves who calls it',
  async (standing) => {
    await using box = await start()
    box.ledger.standing = standing
    expect((await box.call('greet')).status).toBe(200)
  },
)
