import { actorLimits, type HostLimits } from './limits.ts'
import { type ActorSettings, type Form, FrameType, sendLoad } from './messages.ts'
import type { SandboxProcess } from './sandbox-process.ts'

/** A waPC module of 222 bytes that has a bit of everything: imports, a table, a loop, branches, memory, data. */
const SAMPLE = Buffer.from(
  'AGFzbQEAAAABFwRgAn9/AGACf38AYAJ/fwF/YAJ/fwF/AjACBHdhcGMPX19ndWVzdF9yZXF1ZXN0AAAEd2FwYxBfX2d1ZXN0X3Jlc3BvbnNlAAEDAwICAwQEAXAAAQUDAQABBgYBfwFBAAsHGQIGbWVtb3J5AgAMX19ndWVzdF9jYWxsAAIKSAI2AEHAAEGAIBAAA0AjAEEBaiQAIwBBA0YEQAUMAQsLAkAgAQ0AIAAgARADGgtBgCAgARABQQELDwAgACgCACABakEAQABqCwsMAQBBEAsGdGVhcG90',
  'base64',
)
/** No release ever has it. */
const HANDLE = 0xffff_ffff
const EMPTY = new Uint8Array(0)

/**
 * Has a sandbox that nobody waits for yet load something and forget it: what its own code takes at first use, compiling it above
 * all, is done then.
 * @param components whether components are to be expected: that part of the sandbox's code is large
 */
export function warmUp({ writer }: SandboxProcess, limits: HostLimits, components: boolean): void {
  const settings: ActorSettings = { name: '', grants: [], environment: {}, limits: actorLimits(limits) }
  const forms: [Form, Uint8Array][] = [
    ['module', SAMPLE],
    ...(components ? [['component', EMPTY] as [Form, Uint8Array]] : []),
  ]
  for (const [form, bytes] of forms) {
    sendLoad(writer, 0, HANDLE, form, settings, bytes)
    writer.send(FrameType.drop, HANDLE, EMPTY)
  }
}
