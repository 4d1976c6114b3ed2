import { expect, it } from 'vitest'
import { appraisersOf } from './appraisers.ts'
import { TEE_KINDS } from './evidence.ts'
import { utf8 } from './index.ts'

const references = { v: 1, boots: [], tees: [] } as const
const shown = (kind: (typeof TEE_KINDS)[number]) => ({ tee: { kind, report: utf8('junk'), collateral: utf8('junk') } })

it('there is an appraiser for whatever evidence may show, made once for some references', async () => {
  for (const kind of TEE_KINDS) {
    const { platform, tee } = await appraisersOf(shown(kind), references)
    expect([platform, tee!.map((one) => one.kind)]).toEqual([undefined, [kind]])
    expect((await appraisersOf(shown(kind), references)).tee).toEqual(tee)
    expect(await tee![0]!.appraise(shown(kind).tee, new Uint8Array(64), 0)).toMatchObject({ enclave: false })
  }
  const logs = { firmware: utf8('junk'), ima: utf8('junk') }
  const { platform, tee } = await appraisersOf({ platform: logs }, references)
  expect(tee).toBeUndefined()
  expect(platform!(logs, {})).toMatchObject({ measured: false })
})
it('nothing beneath is appraised without references, nor where nothing is shown', async () => {
  expect(await appraisersOf(shown('tdx'), undefined)).toEqual({})
  expect(await appraisersOf({}, references)).toEqual({})
})
