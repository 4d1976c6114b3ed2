import { expect, test } from 'vitest'
import type { Call } from './call.ts'
import { type FrameHandler, FrameWriter } from './frames.ts'
import { HostError } from './host-error.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { FrameType } from './messages.ts'
import type { Release } from './release.ts'
import type { SandboxProcess } from './sandbox-process.ts'
import { TrustGroups } from './trust-groups.ts'

/** Trust groups over sandboxes that answer when the test says so, two at most. */
function createGroups() {
  const sandboxes: { gone: boolean; onFrame?: FrameHandler }[] = []
  const groups = new TrustGroups({
    limits: { ...DEFAULT_LIMITS, sandboxes: 2, lanes: 2, backlogMs: 1 },
    takeSandbox: async () => {
      const sandbox = {
        gone: false,
        writer: new FrameWriter(() => {}),
        kill() {
          sandbox.gone = true
        },
      }
      sandboxes.push(sandbox)
      return sandbox as unknown as SandboxProcess
    },
    serve: () => new Promise(() => {}),
    moduleOf: () => new Uint8Array(0),
    onLog: () => {},
  })
  const refused: number[] = []
  let id = 0
  const submit = (publisher: string): number => {
    const settings = { limits: DEFAULT_LIMITS }
    const release = { publisher, name: 'any', handle: ++id, settings, module: { form: 'module' }, active: 0 }
    const call = { id, kind: 'load', release: release as unknown as Release, payload: new Uint8Array(0), origin: [] }
    const reject = () => void refused.push(call.id)
    const ends = { deadlineMs: 60_000, attempts: 0, calls: [], resolve: () => {}, reject }
    groups.of(publisher).submit({ ...call, ...ends } as unknown as Call)
    return id
  }
  const answer = (which: number, call: number) => sandboxes[which]!.onFrame!(FrameType.ok, call, Buffer.alloc(8))
  const draining = (publisher: string) => groups.of(publisher).lanes.map((lane) => lane.draining)
  return { groups, sandboxes, refused, submit, answer, draining }
}

test('Calls do not go to a sandbox that is given up, even when its publisher has no other', async () => {
  const { groups, sandboxes, refused, submit, answer, draining } = createGroups()
  const burst = [1, 2, 3].map(() => submit('several'))
  await expect.poll(() => sandboxes.length).toBe(2)
  const long = submit('several')
  const brief = submit('newcomer')
  await expect.poll(() => sandboxes.length).toBe(3)
  expect(draining('several')).toEqual([false, true])
  for (const call of burst) answer(0, call)
  // The other one is idle, and makes room.
  submit('another')
  await expect.poll(() => sandboxes.length).toBe(4)
  expect(sandboxes[0]!.gone).toBe(true)
  const oneTooMany = submit('several')
  await expect.poll(() => refused).toEqual([oneTooMany])
  answer(1, long)
  expect(sandboxes[1]!.gone).toBe(true)
  answer(2, brief)
  const next = submit('several')
  await expect.poll(() => sandboxes.length).toBe(5)
  expect(draining('several')).toEqual([false])
  answer(4, next)
  expect(sandboxes.map(({ gone }) => gone)).toEqual([true, true, true, false, false])
  groups.close(new HostError('host/closed', 'over'))
})
