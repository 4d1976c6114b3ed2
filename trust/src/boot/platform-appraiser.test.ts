import { describe, expect, it } from 'vitest'
import { failureOf } from '../appraise/altered.fixture.ts'
import { concatBytes, toHex, utf8 } from '../bytes.ts'
import type { PlatformLogs } from '../evidence.ts'
import type { Reason } from '../verdict.ts'
import { type BootReference, createPlatformAppraiser, EV, parseImaLog } from './index.ts'
import * as fixture from './machine.fixture.ts'

type Machine = fixture.Machine
type Step = fixture.Step
const { application, bootMachine, firmwareOf, RELEASE, show, some } = fixture
const appraise = (machine: Machine | ReturnType<typeof show>, ...boots: BootReference[]) => {
  const { logs, pcrs } = 'logs' in machine ? machine : show(machine)
  return createPlatformAppraiser({ boots })(logs, pcrs)
}
const statusOf = (reason: Reason, id: string): Reason['status'] | undefined =>
  reason.id === id ? reason.status : reason.because?.map((each) => statusOf(each, id)).find((status) => status)
const put = ({ steps }: Machine, step: Step, before: Step) => steps.splice(steps.indexOf(before), 0, step)
const drop = ({ steps }: Machine, step: Step) => steps.splice(steps.indexOf(step), 1)
const variable = (name: string, data: Uint8Array) => fixture.variable(name, data, EV.variableAuthority)
const evil = { path: '/tmp/\u001b[2Jevil', digest: some('evil') }
const weak = { ...evil, algorithm: 'sha1', digest: new Uint8Array(20) }
const aggregate = (digest: Uint8Array) => ({ aggregate: { path: 'boot_aggregate', digest } })
const unmeasured = (machine: Machine) => {
  const [first] = parseImaLog(show(machine).logs.ima)
  return { path: first!.path, digest: first!.fileDigest, violation: true }
}
const [image, kernel, file] = ['another', 'vmlinuz 2', 'new'].map((name) => toHex(some(name)))
const next = { ...RELEASE, name: 'box 2', ukiSha256: image!, kernelSha256: kernel!, ima: [file!] }
const REFUSED = { measured: false, reason: { status: 'fail' } }
const NEW_CRTM = { data: utf8('CRTM 2') }
const NEW_FIRMWARE = [...RELEASE.firmware, firmwareOf(NEW_CRTM.data)]

/** What is done to the machine, and the reason that tells it. */
const ATTACKS: Record<string, [string, (machine: Machine) => void]> = {
  'another firmware': ['firmware', ({ crtm }) => Object.assign(crtm, NEW_CRTM)],
  'more firmware': ['firmware', (m) => put(m, application('evil', 0), m.secureBoot)],
  'another image': ['image', ({ image }) => Object.assign(image, application('evil'))],
  'no image': ['image', (m) => m.steps.splice(m.steps.indexOf(m.image))],
  'something before the image': ['image', (m) => put(m, application('evil'), m.image)],
  'something before it hands over': ['image', (m) => put(m, application('evil'), m.calling)],
  'two boot attempts': ['image', (m) => put(m, m.calling, m.image)],
  'no separator before the image': ['image', (m) => drop(m, m.separators[4]!)],
  'something after the kernel': ['image', (m) => put(m, application('evil'), m.options)],
  'another kernel': ['image', ({ kernel }) => Object.assign(kernel, application('evil'))],
  'no kernel': ['image', (m) => drop(m, m.kernel)],
  'another section': ['sections', (m) => put(m, application('evil', 11), m.kernel)],
  'a command line of the loader': ['command-line', ({ options }) => Object.assign(options, { digest: some('x') })],
  'no command line': ['command-line', (m) => drop(m, m.options)],
  'other first files': ['initrd', ({ initrd }) => Object.assign(initrd, { digest: some('x') })],
  'more first files': ['initrd', (m) => m.steps.push(application('evil', 9))],
  'Secure Boot off': ['secure-boot', (m) => m.secureBoot.data.set([0], m.secureBoot.data.length - 1)],
  'Secure Boot told otherwise': ['secure-boot', (m) => Object.assign(m.secureBoot, { digest: some('off') })],
  'Secure Boot told twice': ['secure-boot', (m) => put(m, m.secureBoot, m.calling)],
  'Secure Boot told late': ['secure-boot', (m) => put(m, m.secureBoot, m.image)],
  'no authority': ['secure-boot', (m) => drop(m, m.authority)],
  'an authority that is not in db': ['secure-boot', (m) => put(m, variable('db', some('x')), m.image)],
  'an empty authority': ['secure-boot', (m) => put(m, variable('db', new Uint8Array()), m.image)],
  'an authority of another list': ['secure-boot', (m) => put(m, variable('MokList', m.certificate), m.image)],
  'debug mode': ['secure-boot', (m) => put(m, { pcr: 7, type: 5, data: utf8('UEFI Debug Mode') }, m.calling)],
  'no separator after the keys': ['secure-boot', (m) => drop(m, m.separators[7]!)],
  'options in a PCR of their own': ['others', (m) => put(m, application('x', 12), m.kernel)],
  "a boot loader's doings": ['others', (m) => put(m, application('x', 8), m.kernel)],
  'an unknown file': ['files', ({ files }) => files.push(evil)],
  'a file that changed while measured': ['files', ({ files }) => files.push({ ...files[0]!, violation: true })],
  'a file under SHA-1': ['files', ({ files }) => files.push(weak)],
  'a kernel started by a kernel': ['files', ({ files }) => files.push({ ...evil, path: 'boot_aggregate' })],
  'no file at all': ['files', ({ files }) => files.splice(0)],
  'an aggregate of zeros': ['ima-aggregate', (m) => Object.assign(m, aggregate(new Uint8Array(32)))],
  'an aggregate of another boot': ['ima-aggregate', (m) => Object.assign(m, aggregate(some('x')))],
  'no aggregate': ['ima-aggregate', (m) => Object.assign(m, { aggregate: evil })],
  'an aggregate that no PCR holds': ['ima-aggregate', (m) => Object.assign(m, { aggregate: unmeasured(m) })],
}

const log = (...of: Parameters<typeof fixture.encodeFirmwareLog>) => ({ firmware: fixture.encodeFirmwareLog(...of) })
/** What is done to the logs alone. */
const FORGERIES: Record<string, [string, (steps: Step[], logs: PlatformLogs) => Partial<PlatformLogs>]> = {
  padded: ['firmware-log', (_, { firmware }) => ({ firmware: concatBytes(firmware, new Uint8Array(64).fill(0xff)) })],
  reordered: ['firmware-log', (steps) => log(steps.toReversed())],
  'with a digest that lies': ['firmware-log', (steps) => log(steps.with(1, { ...steps[1]!, digest: some('lie') }))],
  'without its startup locality': ['firmware-log', (steps) => log(steps.slice(1))],
  'of the SHA-1 bank': ['firmware-log', (steps) => log(steps, 4, 20)],
  'of SHA-1 said to be SHA-256': ['firmware-log', (steps) => log(steps, 11, 20)],
  'that is empty': ['firmware-log', () => ({ firmware: new Uint8Array() })],
  'of files reversed': ['ima', (_, { ima }) => ({ ima: ima.toReversed() })],
  'of files that is empty': ['ima-log', () => ({ ima: new Uint8Array() })],
}

describe('the chain beneath the launcher', () => {
  it('is measured when all of it is what one release names, down to a read-only root', () => {
    const { reason, measured } = appraise(bootMachine(), RELEASE)
    expect(failureOf([reason])).toBeUndefined()
    expect(measured).toBe(true)
  })
  it('may be of the old release or of the new while both are named, and is of one whole', () => {
    const updated = { ...bootMachine(), files: [{ path: '/new', digest: some('new') }] }
    expect(appraise(updated, RELEASE, next)).toMatchObject(REFUSED)
    Object.assign(updated.image, application('another'))
    Object.assign(updated.kernel, application('vmlinuz 2'))
    for (const [machine, own, other] of [[bootMachine(), RELEASE, next] as const, [updated, next, RELEASE] as const]) {
      expect([appraise(machine, own, other).measured, appraise(machine, other, own).measured]).toEqual([true, true])
      expect(appraise(machine, other)).toMatchObject(REFUSED)
    }
  })
  it('holds where the log of files is newer than the quote, whatever it says then', () => {
    const machine = bootMachine()
    machine.files.push(evil)
    expect(appraise(show(machine, 3), RELEASE).measured).toBe(true)
    expect(appraise(machine, RELEASE).measured).toBe(false)
  })
  it.each(Object.entries(ATTACKS))('with %s is refused, and says why', (_, [id, change]) => {
    const machine = bootMachine()
    change(machine)
    const { reason, measured } = appraise(machine, RELEASE)
    expect([reason.status, statusOf(reason, `platform/${id}`), measured]).toEqual(['fail', 'fail', false])
    expect(failureOf([reason])).toBeDefined()
  })
  it.each(Object.entries(FORGERIES))('with a log %s is refused', (_, [id, change]) => {
    const machine = { ...bootMachine(), files: [evil] }
    const { logs, pcrs } = show(machine)
    const { reason, measured } = appraise({ logs: { ...logs, ...change(machine.steps, logs) }, pcrs }, RELEASE)
    expect([reason.status, statusOf(reason, `platform/${id}`), measured]).toEqual(['fail', 'fail', false])
  })
  it('with a log cut short at any byte is refused, and with another byte anywhere is appraised', () => {
    const { logs, pcrs } = show(bootMachine())
    for (const part of ['firmware', 'ima'] as const) {
      for (let length = 0; length < logs[part].length; length++) {
        const cut = { ...logs, [part]: logs[part].subarray(0, length) }
        expect(appraise({ logs: cut, pcrs }, RELEASE).reason.status, `${length} bytes of ${part}`).toBe('fail')
        const altered = { ...logs, [part]: logs[part].with(length, logs[part][length]! ^ 0xff) }
        expect(appraise({ logs: altered, pcrs }, RELEASE).reason.status).toMatch(/pass|fail/)
      }
    }
  })
  it.each<[string, string, Partial<BootReference>, (machine: Machine) => void]>([
    ['the release has no read-only root', 'root', { rootHash: null }, () => {}],
    ['the command line names another root', 'root', { rootHash: `0x${'cd'.repeat(32)}` }, () => {}],
    ['a driver ran that no reference names', 'drivers', {}, (m) => put(m, application('card', 2), m.image)],
  ])('passes and is worth nothing where %s', (_, id, change, attack) => {
    const machine = bootMachine()
    attack(machine)
    const { reason, measured } = appraise(machine, { ...RELEASE, ...change })
    expect([reason.status, statusOf(reason, `platform/${id}`), measured]).toEqual(['pass', 'unchecked', false])
  })
  it.each<[string, Partial<BootReference>, (machine: Machine) => void, boolean]>([
    ['Secure Boot off', { secureBoot: 'any' }, (m) => drop(m, m.authority), true],
    ['no kernel in PCR 4', { kernelSha256: null }, (m) => drop(m, m.kernel), false],
    ['new firmware', { firmware: NEW_FIRMWARE }, (m) => Object.assign(m.crtm, NEW_CRTM), true],
  ])('with %s is measured where the release says so, and there alone', (_, change, alter, without) => {
    const [machine, release] = [bootMachine(), { ...RELEASE, ...change }]
    alter(machine)
    expect([appraise(machine, release).measured, appraise(bootMachine(), release).measured]).toEqual([true, without])
    expect(appraise(machine, RELEASE)).toMatchObject(REFUSED)
  })
  it('is not looked at where the policy has too few PCRs quoted', () => {
    const { logs, pcrs } = show(bootMachine())
    const { [8]: _, ...few } = pcrs
    expect(appraise({ logs, pcrs: few }, RELEASE)).toMatchObject({ measured: false, reason: { status: 'unchecked' } })
  })
  it('is refused where no release is named', () => {
    expect(appraise(bootMachine())).toMatchObject(REFUSED)
  })
  it.each<[string, (machine: Machine) => void]>([
    ['a debugger is told', (m) => put(m, { pcr: 7, type: 5, data: utf8('UEFI Debug Mode') }, m.calling)],
    ['a debugger is told late', (m) => put(m, { pcr: 7, type: 5, data: utf8('UEFI Debug Mode') }, m.image)],
    ['no separator follows the keys', (m) => drop(m, m.separators[7]!)],
    ['two separators follow the keys', (m) => put(m, m.separators[7]!, m.image)],
  ])('is refused where %s, whether Secure Boot is asked for or not', (_, change) => {
    const machine = bootMachine()
    change(machine)
    for (const secureBoot of ['any', 'required'] as const) {
      const { reason } = appraise(machine, { ...RELEASE, secureBoot })
      expect(statusOf(reason, 'platform/secure-boot'), secureBoot).toBe('fail')
    }
  })
  it('names a section without control characters', () => {
    const machine = bootMachine()
    const name = { ...fixture.application('\u001b[2J\0', 11), data: fixture.utf16('\u001b[2J\0') }
    machine.steps.push(name, application('evil', 11))
    const found = failureOf([appraise(machine, RELEASE).reason])?.found
    expect(found).toContain('.initrd')
    expect(found).not.toContain('\u001b')
  })
  it("names a file without its terminal's control characters", () => {
    const machine = { ...bootMachine(), files: [evil] }
    const name = `/tmp/?[2Jevil (sha256 ${toHex(evil.digest)})`
    expect(failureOf([appraise(machine, RELEASE).reason])?.found).toBe(name)
  })
})
