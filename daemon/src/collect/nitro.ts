import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { concatBytes, decodeCbor, encodeCbor } from '@teapot-network/trust'
import { type Collector, noReport } from './collector.ts'

/**
 * Node has no ioctl, Perl does. Reads the request, has the kernel exchange it for a response, writes that. 0xc0200a00 is
 * `_IOWR(0x0a, 0, struct nsm_raw)`: two iovecs, request and response (Linux include/uapi/linux/nsm.h), for 64-bit machines.
 */
export const NSM_SCRIPT = `
binmode STDIN; binmode STDOUT; local $/; my $request = <STDIN>;
open(my $nsm, "+<", $ARGV[0]) or die "open $ARGV[0]: $!\\n";
my $response = "\\0" x 12288;
my $raw = pack("PQPQ", $request, length $request, $response, length $response);
ioctl($nsm, 0xc0200a00, $raw) or die "ioctl: $!\\n";
print substr($response, 0, (unpack("Q4", $raw))[3]);
`

/** Where the Nitro Security Module is, and who talks to it. */
export interface NitroOptions {
  device?: string
  /** The command that gets the device's path as its last argument, the request on stdin, and gives the response on stdout. */
  command?: readonly string[]
  timeoutMs?: number
}

const MAX_RESPONSE_BYTES = 12_288

/**
 * AWS Nitro Enclaves by `/dev/nsm`. The document carries its certificates, so that there is no collateral.
 * Written after the kernel's header and AWS' documentation, and never run on that hardware.
 */
export function createNitroCollector(options: NitroOptions = {}): Collector {
  const { device = '/dev/nsm', command = ['perl', '-e', NSM_SCRIPT], timeoutMs = 5000 } = options
  return {
    name: 'nitro',
    available: () =>
      access(device, constants.R_OK | constants.W_OK).then(
        () => true,
        () => false,
      ),
    async collect(reportData, signal) {
      const request = encodeCbor({ Attestation: { user_data: reportData, nonce: null, public_key: null } })
      const deadline = AbortSignal.timeout(timeoutMs)
      try {
        const either = signal ? AbortSignal.any([signal, deadline]) : deadline
        const response = await exchange([...command, device], request, either)
        return { kind: 'nitro', report: parseNsmResponse(response), collateral: new Uint8Array() }
      } catch (cause) {
        signal?.throwIfAborted()
        const why = deadline.aborted ? `no answer within ${timeoutMs} ms` : cause
        throw noReport(device, 'an attestation document', why, 'run inside an enclave, with perl in its image, as root')
      }
    },
  }
}

/** The document in an NSM response (aws-nitro-enclaves-nsm-api, `Response`). @throws Error that names what stands there instead */
export function parseNsmResponse(bytes: Uint8Array): Uint8Array {
  const response = decodeCbor(bytes)
  if (response instanceof Map) {
    const attestation = response.get('Attestation')
    const document = attestation instanceof Map ? attestation.get('document') : undefined
    if (document instanceof Uint8Array && document.length > 0) return document
    if (response.has('Error')) throw new Error(`the module's error ${String(response.get('Error'))}`)
  }
  throw new Error('a response without a document')
}

function exchange([program, ...args]: string[], request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const child = spawn(program!, args, { signal, killSignal: 'SIGKILL', env: { PATH: process.env.PATH ?? '' } })
    const parts: Uint8Array[] = []
    let complaint = ''
    child.on('error', reject)
    child.stdout.on('data', (part: Buffer) => parts.push(part))
    child.stderr.on('data', (part: Buffer) => {
      complaint = (complaint + part).slice(0, 500)
    })
    // A helper that ends early says why by its exit code.
    child.stdin.on('error', () => {})
    child.stdin.end(request)
    child.on('close', (code) => {
      const response = concatBytes(...parts)
      if (code !== 0) reject(new Error(`the helper ended with ${code}: ${complaint.trim()}`))
      else if (response.length > MAX_RESPONSE_BYTES) reject(new Error(`a response of ${response.length} bytes`))
      else resolve(response)
    })
  })
}
