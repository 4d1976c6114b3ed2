import { readFileSync } from 'node:fs'
import type { Isolation } from './isolation.ts'

/** What code that was taken over tries, and from which level on it is stopped. */
export interface Attempt {
  readonly what: string
  /** For script: code that broke out of WebAssembly, but not out of V8. Absent where script has no way to try. */
  readonly script?: Isolation | 'never' | undefined
  /** For machine code: Node's permission model is gone. Absent where that means nothing to machine code. */
  readonly native?: Isolation | 'never' | undefined
  /** Below that level it depends on the machine. */
  readonly sometimes: boolean
  /** An expression of JavaScript that throws when it is refused. Names in capitals are filled in by the test. */
  readonly code: string
}

const settled = (emitter: string, done: string) =>
  `new Promise((resolve, reject) => ${emitter}.on('error', reject).on('${done}', resolve))`
const systemCall = (name: string, ...args: (number | string)[]) => `systemCall('${name}', ${args.join(', ')})`

/** What is tried, by the words of docs/isolation.md. */
const CODE: Readonly<Record<string, string>> = {
  'read a file': 'fs.readFileSync(FILE)',
  'read a file asynchronously': 'fs.promises.open(FILE).then((it) => it.close())',
  'list a directory': 'fs.readdirSync(DIRECTORY)',
  'read its memory map': "fs.readFileSync('/proc/self/maps')",
  'open a database': `new (await import('node:sqlite')).DatabaseSync(DATABASE)`,
  'make a file': "fs.writeFileSync(DIRECTORY + '/made-' + Math.random(), '')",
  'fill the disk': "(raiseLimit(), fs.writeFileSync(DIRECTORY + '/filled-' + Math.random(), 'x'))",
  'change its own code': "fs.appendFileSync('probe.mjs', '')",
  'write a report': "process.report.writeReport(DIRECTORY + '/report')",
  'write a heap snapshot': "v8.writeHeapSnapshot(DIRECTORY + '/heap')",
  "read the node's environment": "fs.readFileSync('/proc/' + PARENT + '/environ')",
  "read the node's memory": "fs.openSync('/proc/' + PARENT + '/mem', 'r')",
  "list the node's open files": "fs.readdirSync('/proc/' + PARENT + '/fd')",
  'connect over TCP': settled("net.connect(PORT, '127.0.0.1')", 'connect'),
  'connect to a unix socket': settled("net.connect(DIRECTORY + '/socket')", 'connect'),
  'connect to an abstract unix socket': settled('net.connect(ABSTRACT)', 'connect'),
  fetch: "fetch('http://127.0.0.1:' + PORT)",
  'send a datagram':
    "new Promise((resolve, reject) => { const s = dgram.createSocket('udp4'); s.on('error', reject); s.send('x', PORT, '127.0.0.1', (e) => (e ? reject(e) : resolve())) })",
  'look up a name': "(await import('node:dns/promises')).lookup('localhost')",
  listen: settled("net.createServer().listen(0, '127.0.0.1')", 'listening'),
  'open the inspector':
    "import('node:inspector').then((it) => { it.open(0); if (!it.url()) throw new Error('no address') })",
  'start a program': settled("spawn('/bin/true')", 'exit'),
  'start Node again, without its flags': settled("spawn(process.execPath, ['--version'])", 'exit'),
  'signal the node': 'process.kill(PARENT, 0)',
  'signal a neighbour': 'process.kill(NEIGHBOUR, 0)',
  'start a worker': "new (await import('node:worker_threads')).Worker('1', { eval: true })",
  'use WASI': "new (await import('node:wasi')).WASI({ version: 'preview1', preopens: { '/': '/' } })",
  'load an addon': "process.dlopen({ exports: {} }, '/x.node')",
  'call foreign functions': "await import('node:ffi')",
  "reach Node's internals": "process.binding('fs')",
  'make code from a text by eval': "(0, eval)('1')",
  'make code from a text by Function': "new Function('return 1')()",
  'make code from a text by node:vm': "(await import('node:vm')).runInThisContext('1')",
  'reach a prototype by __proto__': '({}).__proto__',
  'trace a neighbour': systemCall('ptrace', 0x4206, 'NEIGHBOUR'),
  'become root': systemCall('setuid', 0),
  'outlive the node': systemCall('prctl', 1, 0),
  'make namespaces of users':
    "(await import('node:child_process')).execFileSync('/usr/bin/unshare', ['--user', '/bin/true'])",
  'use io_uring': systemCall('io_uring_setup', 8, 'BigInt(rawPointer(Buffer.alloc(256)))'),
  'use key rings': systemCall('keyctl', 0, -3),
  'make a file in memory to run': systemCall('memfd_create', 'BigInt(rawPointer(Buffer.alloc(8)))'),
}
const SOMETIMES = new Set(['fill the disk', 'make namespaces of users'])

const GUIDE = readFileSync(new URL('../../../docs/isolation.md', import.meta.url), 'utf8')
const levelOf = (cell: string) => (cell === '–' ? undefined : (cell as Isolation | 'never'))

/** The table of docs/isolation.md, with the code that tries each row. */
export const ATTEMPTS: readonly Attempt[] = [...GUIDE.matchAll(/^\| (.+) \| ([a-z–]+) \| ([a-z–]+) \|$/gm)].map(
  ([, what = '', script = '', native = '']) => ({
    ...{ what, script: levelOf(script), native: levelOf(native) },
    ...{ sometimes: SOMETIMES.has(what), code: CODE[what] ?? '' },
  }),
)

/** What is tried and what the guide says, to be compared. */
export const TRIED: readonly string[] = Object.keys(CODE)
