import type { Isolation } from './isolation.ts'

/** What code that was taken over tries, and from which level on it is stopped. */
export interface Attempt {
  readonly what: string
  /** For script: code that broke out of WebAssembly, but not out of V8. Absent where script has no way to try. */
  readonly script?: Isolation | 'never'
  /** For machine code: Node's permission model is gone. Absent where that means nothing to machine code. */
  readonly native?: Isolation | 'never'
  /** Below that level it depends on the machine. */
  readonly sometimes?: boolean
  /** An expression of JavaScript that throws when it is refused. Names in capitals are filled in by the test. */
  readonly code: string
}

const settled = (emitter: string, done: string) =>
  `new Promise((resolve, reject) => ${emitter}.on('error', reject).on('${done}', resolve))`
const systemCall = (name: string, ...args: (number | string)[]) => `systemCall('${name}', ${args.join(', ')})`

/** The table of docs/isolation.md, with the code that tries each row. */
export const ATTEMPTS: readonly Attempt[] = [
  { what: 'read a file', script: 'process', native: 'namespaces', code: 'fs.readFileSync(FILE)' },
  {
    what: 'read a file asynchronously',
    script: 'process',
    native: 'namespaces',
    code: 'fs.promises.open(FILE).then((it) => it.close())',
  },
  { what: 'list a directory', script: 'process', native: 'namespaces', code: 'fs.readdirSync(DIRECTORY)' },
  { what: 'read its memory map', script: 'process', native: 'namespaces', code: "fs.readFileSync('/proc/self/maps')" },
  {
    what: 'open a database',
    script: 'process',
    native: 'namespaces',
    code: `new (await import('node:sqlite')).DatabaseSync(DATABASE)`,
  },
  {
    what: 'make a file',
    script: 'process',
    native: 'namespaces',
    code: "fs.writeFileSync(DIRECTORY + '/made-' + Math.random(), '')",
  },
  {
    what: 'fill the disk',
    sometimes: true,
    script: 'process',
    native: 'user',
    code: "(raiseLimit(), fs.writeFileSync(DIRECTORY + '/filled-' + Math.random(), 'x'))",
  },
  { what: 'change its own code', script: 'process', native: 'user', code: "fs.appendFileSync('probe.mjs', '')" },
  {
    what: 'write a report',
    script: 'process',
    code: "process.report.writeReport(DIRECTORY + '/report')",
  },
  {
    what: 'write a heap snapshot',
    script: 'process',
    code: "v8.writeHeapSnapshot(DIRECTORY + '/heap')",
  },
  {
    what: "read the node's environment",
    script: 'process',
    native: 'user',
    code: "fs.readFileSync('/proc/' + PARENT + '/environ')",
  },
  {
    what: "read the node's memory",
    script: 'process',
    native: 'user',
    code: "fs.openSync('/proc/' + PARENT + '/mem', 'r')",
  },
  {
    what: "list the node's open files",
    script: 'process',
    native: 'user',
    code: "fs.readdirSync('/proc/' + PARENT + '/fd')",
  },
  {
    what: 'connect over TCP',
    script: 'process',
    native: 'namespaces',
    code: settled("net.connect(PORT, '127.0.0.1')", 'connect'),
  },
  {
    what: 'connect to a unix socket',
    script: 'process',
    native: 'namespaces',
    code: settled("net.connect(DIRECTORY + '/socket')", 'connect'),
  },
  {
    what: 'connect to an abstract unix socket',
    script: 'process',
    native: 'namespaces',
    code: settled('net.connect(ABSTRACT)', 'connect'),
  },
  { what: 'fetch', script: 'process', native: 'namespaces', code: "fetch('http://127.0.0.1:' + PORT)" },
  {
    what: 'send a datagram',
    script: 'process',
    native: 'namespaces',
    code: "new Promise((resolve, reject) => { const s = dgram.createSocket('udp4'); s.on('error', reject); s.send('x', PORT, '127.0.0.1', (e) => (e ? reject(e) : resolve())) })",
  },
  {
    what: 'look up a name',
    script: 'process',
    native: 'namespaces',
    code: "(await import('node:dns/promises')).lookup('localhost')",
  },
  {
    what: 'listen',
    script: 'process',
    native: 'namespaces',
    code: settled("net.createServer().listen(0, '127.0.0.1')", 'listening'),
  },
  {
    what: 'open the inspector',
    script: 'process',
    native: 'namespaces',
    code: "import('node:inspector').then((it) => { it.open(0); if (!it.url()) throw new Error('no address') })",
  },
  { what: 'start a program', script: 'process', native: 'namespaces', code: settled("spawn('/bin/true')", 'exit') },
  {
    what: 'start Node again, without its flags',
    script: 'process',
    native: 'namespaces',
    code: settled("spawn(process.execPath, ['--version'])", 'exit'),
  },
  { what: 'signal the node', script: 'user', native: 'user', code: 'process.kill(PARENT, 0)' },
  { what: 'signal a neighbour', script: 'user', native: 'user', code: 'process.kill(NEIGHBOUR, 0)' },
  {
    what: 'start a worker',
    script: 'process',
    code: "new (await import('node:worker_threads')).Worker('1', { eval: true })",
  },
  {
    what: 'use WASI',
    script: 'process',
    code: "new (await import('node:wasi')).WASI({ version: 'preview1', preopens: { '/': '/' } })",
  },
  { what: 'load an addon', script: 'process', code: "process.dlopen({ exports: {} }, '/x.node')" },
  { what: 'call foreign functions', script: 'process', code: "await import('node:ffi')" },
  { what: "reach Node's internals", script: 'process', code: "process.binding('fs')" },
  { what: 'make code from a text by eval', script: 'process', code: "(0, eval)('1')" },
  { what: 'make code from a text by Function', script: 'process', code: "new Function('return 1')()" },
  {
    what: 'make code from a text by node:vm',
    script: 'never',
    code: "(await import('node:vm')).runInThisContext('1')",
  },
  { what: 'reach a prototype by __proto__', script: 'process', code: '({}).__proto__' },
  { what: 'trace a neighbour', native: 'user', code: systemCall('ptrace', 0x4206, 'NEIGHBOUR') },
  { what: 'become root', native: 'user', code: systemCall('setuid', 0) },
  { what: 'outlive the node', native: 'namespaces', code: systemCall('prctl', 1, 0) },
  {
    what: 'make namespaces of users',
    sometimes: true,
    script: 'process',
    native: 'namespaces',
    code: "(await import('node:child_process')).execFileSync('/usr/bin/unshare', ['--user', '/bin/true'])",
  },
  {
    what: 'use io_uring',
    native: 'namespaces',
    code: systemCall('io_uring_setup', 8, 'BigInt(rawPointer(Buffer.alloc(256)))'),
  },
  { what: 'use key rings', native: 'namespaces', code: systemCall('keyctl', 0, -3) },
  {
    what: 'make a file in memory to run',
    native: 'namespaces',
    code: systemCall('memfd_create', 'BigInt(rawPointer(Buffer.alloc(8)))'),
  },
]
