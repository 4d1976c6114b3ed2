import { TeapotError } from '@teapot-network/trust'

/** Names of the response codes met in practice (TPM 2.0 Part 2 §6.6); format-one codes without their number bits. */
const NAMES = new Map(
  (
    '130:ATTRIBUTES 132:VALUE 133:HIERARCHY 139:HANDLE 142:AUTH_FAIL 146:SCHEME 149:SIZE 154:INSUFFICIENT ' +
    '157:POLICY_FAIL 159:INTEGRITY 160:TICKET 162:BAD_AUTH 163:EXPIRED 166:CURVE 256:INITIALIZE 257:FAILURE ' +
    '288:DISABLED 296:PCR_CHANGED 303:AUTH_UNAVAILABLE 323:COMMAND_CODE 326:NV_RANGE 328:NV_LOCKED ' +
    '329:NV_AUTHORIZATION 330:NV_UNINITIALIZED 331:NV_SPACE 332:NV_DEFINED 2306:OBJECT_MEMORY 2307:SESSION_MEMORY ' +
    '2312:YIELDED 2313:CANCELED 2314:TESTING 2320:REFERENCE_H0 2321:REFERENCE_H1 2336:NV_RATE 2337:LOCKOUT ' +
    '2338:RETRY 2339:NV_UNAVAILABLE'
  )
    .split(' ')
    .map((pair) => pair.split(':') as [string, string]),
)

/** Warnings after which the same command may simply be sent again. */
const AGAIN = new Set(['YIELDED', 'TESTING', 'NV_RATE', 'RETRY', 'NV_UNAVAILABLE'])

/** The TPM's own word for a response code, e.g. `INTEGRITY`; `unnamed` for one we have no name for. */
export function responseName(code: number): string {
  const formatOne = (code & 0x80) !== 0
  return NAMES.get(`${formatOne ? code & 0xbf : code}`) ?? 'unnamed'
}

/** Whether a command that got this code was not carried out and may be sent again. */
export function mayRetry(code: number): boolean {
  return AGAIN.has(responseName(code))
}

/** A command that the TPM answered with anything but success: code `tpm/command-failed`. */
export class TpmError extends TeapotError {
  /** The command's name without its prefix, e.g. `Quote`. */
  readonly command: string
  /** The response code as it came. */
  readonly responseCode: number
  /** The TPM's word for it, e.g. `INTEGRITY`. */
  readonly responseName: string

  constructor(command: string, responseCode: number) {
    const name = responseName(responseCode)
    super(
      'tpm/command-failed',
      `TPM2_${command} failed: expected success, found 0x${responseCode.toString(16)} (${name})${hint(name)}`,
      { kind: mayRetry(responseCode) || name === 'LOCKOUT' ? 'unavailable' : 'fault' },
    )
    this.command = command
    this.responseCode = responseCode
    this.responseName = name
  }
}

/** What to do, by the codes for which that is known. */
const HINTS: Readonly<Record<string, string>> = {
  LOCKOUT:
    'the TPM locked itself after wrong passwords or power cuts (dictionary-attack lockout): wait, or run `tpm2_dictionarylockout --clear-lockout`; stop the machine in order from then on',
  INITIALIZE: 'the firmware has not started the TPM (TPM2_Startup): reboot',
  FAILURE: 'the TPM failed its self-test: power the machine off and on',
  'AUTH_FAIL BAD_AUTH':
    'teapot needs the owner and endorsement hierarchies with empty auth: clear the TPM in the firmware setup',
  'HIERARCHY DISABLED': 'enable the storage and endorsement hierarchies in the firmware setup',
  'OBJECT_MEMORY SESSION_MEMORY': 'others hold its few slots: use /dev/tpmrm0, and stop whoever else talks to the TPM',
  NV_SPACE: 'its memory is full: remove indexes that nobody needs (`tpm2_nvundefine`)',
  'CURVE SCHEME COMMAND_CODE': 'the TPM may lack what teapot needs: ECC P-256 and SHA-256',
  'RETRY YIELDED TESTING NV_RATE NV_UNAVAILABLE':
    'the TPM stays busy: stop whoever uses it besides, or power it off and on',
}

function hint(name: string): string {
  const found = Object.entries(HINTS).find(([names]) => names.split(' ').includes(name))
  return found ? `; ${found[1]}` : ''
}
