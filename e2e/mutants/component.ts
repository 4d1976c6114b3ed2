import { mutantsOf } from './mutant.ts'

const TRANSPILE = ['host/src/transpiler/transpile.test.ts']
const SKELETON = ['host/src/transpiler/skeleton.test.ts']
const WASI = ['host/src/abi/component/wasi/wasi.test.ts']

/** What keeps a component to its imports, and out of the scripts that are made of it. */
export const COMPONENT = [
  ...mutantsOf('host/src/transpiler/skeleton.ts', { tests: SKELETON }, [
    'no script stands in the name of a core module',
    'if (!isCoreName(name))',
    'if (false)',
  ]),
  ...mutantsOf('host/src/transpiler/component-names.ts', { tests: SKELETON }, [
    'a component has no names but those of WIT',
    'if (!isExternName(name))',
    'if (false)',
  ]),
  ...mutantsOf(
    'host/src/abi/component/interfaces.ts',
    { tests: ['host/src/transpiler/transpile-component.test.ts'], title: 'An import that nobody grants' },
    ['a component imports interfaces that there are', 'if (!offered?.versions.test(version))', 'if (false)'],
    ['an interface is of a version that there is', 'if (!offered?.versions.test(version))', 'if (!offered)'],
    ['what objects inherit is no interface', 'Object.hasOwn(INTERFACES, name) ?', 'true ?'],
  ),
  ...mutantsOf(
    'host/src/transpiler/transpiler-process.ts',
    { tests: TRANSPILE, title: 'takes too long' },
    ['a transpiler is ended in time', "this.#answer.reject(new HostError('host/deadline', late))", 'undefined'],
    ['a bundle has a largest size', 'createFrameReader(bundleBytes,', 'createFrameReader(0xffff_0000,'],
  ),
  ...mutantsOf('host/src/transpiler/signatures.ts', { tests: ['host/src/transpiler/signatures.test.ts'] }, [
    'nobody calls what a toolchain left behind',
    '!TOOLCHAINS_OWN.has(name)',
    'true',
  ]),
  ...mutantsOf(
    'host/src/abi/component/wasi/filesystem.ts',
    { tests: ['host/src/abi/component/wasi/filesystem.test.ts'], title: 'Without the grant' },
    ['a component has no files without the grant', 'if (!grants.includes(GRANT)) return undefined', ''],
  ),
  ...mutantsOf(
    'host/src/abi/component/wasi/descriptor.ts',
    { tests: ['host/src/abi/component/wasi/filesystem.test.ts'], title: 'A descriptor allows' },
    [
      'a directory that was opened to read is not changed',
      'if (changes && !this.#flags.mutateDirectory)',
      'if (false)',
    ],
    ['a file is used as it was opened', 'if (use !== undefined && !this.#flags[use])', 'if (false)'],
  ),
  ...mutantsOf(
    'host/src/abi/component/world.ts',
    { tests: WASI },
    ['a component holds so many resources', 'if (this.#resources > MOST_RESOURCES)', 'if (false)'],
    ['a call to the host has a price', 'this.#gauge.charge(HOST_CALL_FUEL + bytes * BYTE_FUEL)', ''],
  ),
]
