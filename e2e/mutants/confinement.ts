import { mutantsOf } from './mutant.ts'

const ESCAPE = { tests: ['host/src/confinement/escape.test.ts'] }
const CONFINEMENT = { tests: ['host/src/confinement/confinement.test.ts'] }
const FILTER = { tests: ['host/src/confinement/seccomp.test.ts'] }

/** How processes are shut off. */
export const CONFINE = [
  ...mutantsOf(
    'host/src/confinement/node-flags.ts',
    ESCAPE,
    ['a sandbox runs under the permission model', "'--permission',", "'--permission-audit',"],
    ['a sandbox reads its own code alone', '`--allow-fs-read=${path}`', "'--allow-fs-read=*'"],
    ['a sandbox makes no code from text', "'--disallow-code-generation-from-strings',", ''],
    ['a sandbox opens no database', "'--no-experimental-sqlite',", ''],
    ['a sandbox reaches no prototype by __proto__', "'--disable-proto=throw',", ''],
  ),
  ...mutantsOf(
    'host/src/confinement/node-flags.ts',
    { ...CONFINEMENT, title: 'does not open the inspector on a signal' },
    ['no signal opens the inspector of a sandbox', "'--disable-sigusr1',", ''],
  ),
  ...mutantsOf('host/src/confinement/confinement.ts', { ...ESCAPE, title: 'gives a process an empty environment' }, [
    'a sandbox gets no environment',
    'env: {}',
    'env: process.env',
  ]),
  ...mutantsOf(
    'host/src/confinement/confinement.ts',
    { ...CONFINEMENT, title: 'The best level is one that the machine was seen to offer' },
    ['a sandbox gets a uid of its own', '`--reuid=${uid}`, `--regid=${uid}`, ', ''],
    ['a sandbox gains no privileges', ", '--no-new-privs'", ''],
  ),
  ...mutantsOf(
    'host/src/confinement/bubblewrap.ts',
    { ...CONFINEMENT, title: 'The best level is one that the machine was seen to offer' },
    ['a sandbox is behind a filter of system calls', ", '--seccomp', String(filterAt)", ''],
    ['a sandbox has a network of its own', "'--unshare-net', ", ''],
  ),
  ...mutantsOf(
    'host/src/confinement/confinement.ts',
    { ...CONFINEMENT, title: 'holds a program' },
    ['a sandbox is held to its memory', '`--data=${(memoryMegabytes + NODE_MEGABYTES) * 2 ** 20}`,', ''],
    ['a sandbox is held to a number of tasks', '[`--nproc=${TASKS}`]', '[]'],
  ),
  ...mutantsOf('host/src/confinement/uids.ts', { ...CONFINEMENT, title: 'gets what lies in its directory' }, [
    'a program is not given what a link leads to',
    'entry.isDirectory() ? [path, ...inside(path)] : [path]',
    'entry.isDirectory() || entry.isSymbolicLink() ? [path, ...inside(path)] : [path]',
  ]),
  ...mutantsOf('host/src/confinement/trial.ts', { ...CONFINEMENT, title: 'A process that only claims a level' }, [
    'a level is seen from outside before it is claimed',
    'if (missing.length > 0)',
    'if (false)',
  ]),
  ...mutantsOf('host/src/confinement/inner-process.ts', { ...CONFINEMENT, title: 'leaves nothing behind' }, [
    'a sandbox that is killed while it starts is gone',
    'setTimeout(kill, PAUSE_MS, signal, tries - 1)',
    '',
  ]),
  ...mutantsOf(
    'host/src/confinement/seccomp.ts',
    FILTER,
    [
      'no call goes through another architecture',
      'give(Verdict.kill),\n    [LOAD, 0, 0, NUMBER_AT],',
      'give(Verdict.allow),\n    [LOAD, 0, 0, NUMBER_AT],',
    ],
    [
      'a sandbox makes no process',
      'clone: whenArgument(0, [CLONE_THREAD], CLONE_THREAD | CLONE_NAMESPACES)',
      'clone: [give(Verdict.allow)]',
    ],
    [
      'what the filter does not know is refused',
      'program.push(give(Verdict.refuse))',
      'program.push(give(Verdict.allow))',
    ],
    [
      'a sandbox makes no socket',
      'network ? whenArgument(0, FAMILIES) : [give(Verdict.refuse)]',
      'whenArgument(0, FAMILIES)',
    ],
  ),
  ...mutantsOf(
    'host/src/sandbox-process.ts',
    { tests: ['host/src/lying-sandbox.test.ts'], title: 'breaks the protocol' },
    ['a sandbox is ready once', 'if (type === FrameType.ready && !isReady)', 'if (type === FrameType.ready)'],
  ),
  ...mutantsOf('host/src/sandbox-process.ts', { tests: ['host/src/escape.test.ts'], title: 'floods its output' }, [
    'a sandbox that floods its output is ended',
    'if (this.#outputBytes > OUTPUT_BYTES && !this.#gone)',
    'if (false)',
  ]),
]
