import { mutantsOf } from './mutant.ts'

const at = (file: string) => `host/src/abi/wasi/${file}`

/** What WASI programs are kept from. */
export const WASI = [
  ...mutantsOf(
    at('resolve-path.ts'),
    { tests: [at('scratch.test.ts')] },
    [
      'a WASI path leads nowhere above its directory',
      "if (name === '..') {\n      if (directory === base) refuse(Errno.notcapable)",
      "if (name === '..') {",
    ],
    ['a WASI path is never absolute', "if (path.startsWith('/')) refuse(Errno.notcapable)", ''],
  ),
  ...mutantsOf(
    at('scratch-tree.ts'),
    { tests: [at('scratch.test.ts')] },
    [
      'the scratch directory of WASI has a quota',
      'if (this.#usedBytes + bytes > this.#limitBytes) refuse(Errno.nospc)',
      '',
    ],
    [
      'what a WASI program cut off a file does not come back',
      'else if (grown < 0) file.data.fill(0, size, file.size)',
      '',
    ],
  ),
  ...mutantsOf(at('open-path.ts'), { tests: [at('scratch.test.ts')] }, [
    'a WASI file has no more rights than its directory hands on',
    'const rights = request.rights & from.inheriting',
    'const rights = request.rights',
  ]),
  ...mutantsOf(at('descriptors.ts'), { tests: [at('scratch.test.ts')] }, [
    'a WASI descriptor is used as its rights say',
    'if ((descriptor.rights & rights) !== rights) refuse(Errno.notcapable)',
    '',
  ]),
  ...mutantsOf(
    at('imports.ts'),
    { tests: [at('imports.test.ts')] },
    ['WASI files need the grant', 'grants.includes(FILESYSTEM_GRANT)', 'true'],
    ['a WASI program that has ended does nothing more', 'if (ended !== undefined) throw ended', ''],
    [
      'a WASI instance that is used again has no files of the last call',
      'Object.assign(context, openFiles(surroundings, charge))',
      '',
    ],
  ),
  ...mutantsOf(at('guest-memory.ts'), { tests: [at('imports.test.ts')] }, [
    'a WASI pointer is checked',
    'if (start + length > this.#refresh()) refuse(Errno.fault)',
    'this.#refresh()',
  ]),
  ...mutantsOf(at('program.ts'), { tests: [at('wasi.test.ts')], title: 'does not load with an import' }, [
    'a WASI command imports nothing else',
    "'WASI preview 1', isWasiImport)",
    "'WASI preview 1', () => true)",
  ]),
  ...mutantsOf(at('output.ts'), { tests: [at('output.test.ts')] }, [
    'what a guest writes at once is taken in pieces',
    'at += CHUNK_BYTES) this.#take(bytes.subarray(at, at + CHUNK_BYTES))',
    'at = bytes.length) this.#take(bytes)',
  ]),
]
