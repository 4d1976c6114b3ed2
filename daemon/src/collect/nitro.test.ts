import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { concatBytes, encodeCbor, toHex } from '@teapot-network/trust'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createNitroCollector, type NitroOptions, NSM_SCRIPT, parseNsmResponse } from './nitro.ts'

const reportData = randomBytes(64)
const document = randomBytes(5000)
const answer = encodeCbor({ Attestation: { document } })

/**
 * The module as <linux/nsm.h> has it, in place of Perl's ioctl: takes the structure apart by its pointers, and read(2)s the response into
 * place. The response is the request behind a first byte and a zero, so that both directions are seen.
 */
const MODULE = `BEGIN { *CORE::GLOBAL::ioctl = sub (*$$) {
  $_[1] == 0xc0200a00 or die "another request number\\n";
  my ($address, $length, $room, $size) = unpack("Q4", $_[2]);
  $size == 12288 or die "another buffer\\n";
  my $response = "\\xA0\\0" . unpack("P$length", pack("Q", $address));
  pipe(my $from, my $to) or die; syswrite($to, $response);
  syscall(0, fileno($from), $room, length $response) == length $response or die "read: $!\\n";
  $_[2] = pack("Q4", $address, $length, $room, length $response); return 1 } }`

/** A helper that answers with these bytes; or does as told. */
const helper = (script: string): NitroOptions => ({ command: [process.execPath, '-e', script], timeoutMs: 60_000 })
const saying = (bytes: Uint8Array) => helper(`process.stdout.write(Buffer.from('${toHex(bytes).slice(2)}', 'hex'))`)

test('the document comes from the helper, which gets the request with the report data alone, and the device', async () => {
  const request = encodeCbor({ Attestation: { user_data: reportData, nonce: null, public_key: null } })
  const asked = `const got = require('fs').readFileSync(0).toString('hex') + process.argv.at(-1)
    if (got !== '${toHex(request).slice(2)}/dev/x') process.exit(7)
    process.stdout.write(Buffer.from('${toHex(answer).slice(2)}', 'hex'))`
  const evidence = { kind: 'nitro', report: new Uint8Array(document), collateral: new Uint8Array() }
  expect(await createNitroCollector({ ...helper(asked), device: '/dev/x' }).collect(reportData)).toEqual(evidence)
})

test.skipIf(process.arch !== 'x64')('the Perl helper lays the structure out as the kernel wants it', () => {
  const request = randomBytes(300)
  const ran = spawnSync('perl', ['-e', MODULE, '-e', NSM_SCRIPT, '/dev/null'], { input: request })
  expect(ran.stderr.toString()).toBe('')
  expect(toHex(ran.stdout)).toBe(toHex(concatBytes(Uint8Array.of(0xa0, 0), request)))
})

describe('no document', () => {
  test.each<[string, NitroOptions, string]>([
    [
      'from a device that is none of its kind',
      { device: '/dev/null', timeoutMs: 60_000 },
      'ioctl: Inappropriate ioctl',
    ],
    ['from a device that is not there', { device: '/dev/no-nsm', timeoutMs: 60_000 }, 'open /dev/no-nsm: No such file'],
    ['from a helper that is not there', { command: ['/no/perl'] }, 'ENOENT'],
    ['from a helper that fails', helper('console.error("why"); process.exit(3)'), 'ended with 3: why'],
    ['from one that says nothing', saying(new Uint8Array()), 'Cannot read CBOR'],
    ['from one that takes too long', { ...helper('setTimeout(() => {}, 60000)'), timeoutMs: 200 }, 'within 200 ms'],
    ['from one that says too much', helper('process.stdout.write(Buffer.alloc(20000))'), 'of 20000 bytes'],
    ['from a module that refuses', saying(encodeCbor({ Error: 'InvalidArgument' })), 'InvalidArgument'],
    [
      'from one that answers another question',
      saying(encodeCbor({ DescribePCR: { lock: true } })),
      'without a document',
    ],
    [
      'from one whose document is empty',
      saying(encodeCbor({ Attestation: { document: new Uint8Array() } })),
      'without',
    ],
  ])('comes %s, and the error says so', async (_, options, text) => {
    const collecting = createNitroCollector(options).collect(reportData)
    await expect(collecting).rejects.toMatchObject({ code: 'collect/no-report', kind: 'unavailable' })
    await expect(collecting).rejects.toThrow(text)
  })
  test('comes when it is given up', async () => {
    const collecting = createNitroCollector(helper('setTimeout(() => {}, 60000)'))
    await expect(collecting.collect(reportData, AbortSignal.timeout(100))).rejects.toThrow('timeout')
  })
  test('comes of any bytes but a response', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void expect(() => parseNsmResponse(bytes)).toThrow()))
  })
})

test('it is there where its device is', async () => {
  expect(await createNitroCollector({ device: '/dev/null' }).available()).toBe(true)
  expect(await createNitroCollector({ device: '/dev/no-nsm' }).available()).toBe(false)
})
