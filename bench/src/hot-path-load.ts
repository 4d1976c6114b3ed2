import { connect, type Socket } from 'node:net'
import { json } from 'node:stream/consumers'

/** What to fire, and for how long. Handed over as JSON on stdin; the answer goes to stdout as JSON. */
export interface Load {
  port: number
  path: string
  connections: number
  warmMs: number
  measureMs: number
  /** Bodies already sealed, base64; without them bodies are `request <n>`, each distinct. */
  bodies?: string[]
}

/** What one load came to. */
export interface LoadFigures {
  callsPerSecond: number
  p50Ms: number
  p99Ms: number
  calls: number
  failures: number
}

/**
 * Fires requests over keep-alive connections, one in flight on each, with as little work of its own as can be: it shares the cores
 * with the server it measures. Checks the status and the length of every answer, and the payload of unsealed ones.
 */
function fire(load: Load): Promise<LoadFigures> {
  const begin = performance.now() + load.warmMs
  const end = begin + load.measureMs
  const latenciesMs: number[] = []
  const bodies = load.bodies?.map((body) => Buffer.from(body, 'base64').toString('latin1'))
  let sent = 0
  let failures = 0
  let open = load.connections
  return new Promise((resolve) => {
    for (let i = 0; i < load.connections; i++) startConnection()

    function startConnection(): void {
      const buffer = Buffer.allocUnsafeSlow(64 * 1024)
      let kept = Buffer.alloc(0)
      let startedMs = 0
      let expected = ''
      const socket: Socket = connect({
        port: load.port,
        host: '127.0.0.1',
        noDelay: true,
        onread: {
          buffer,
          callback(size) {
            const seen = kept.length > 0 ? Buffer.concat([kept, buffer.subarray(0, size)]) : buffer.subarray(0, size)
            const answer = readAnswer(seen)
            if (answer === undefined) kept = Buffer.from(seen)
            else {
              kept = kept.length > 0 ? Buffer.alloc(0) : kept
              finish(answer)
            }
            return true
          },
        },
      })
      socket.on('connect', next)
      socket.on('error', () => failures++)
      socket.on('close', () => {
        if (--open === 0) resolve(figures(latenciesMs, failures, load.measureMs))
      })

      function next(): void {
        const n = sent++
        startedMs = performance.now()
        const body = bodies === undefined ? `request ${n}` : bodies[n % bodies.length]!
        expected = body
        socket.write(head(load.path, body.length) + body, 'latin1')
      }

      function finish(answer: Answer): void {
        const nowMs = performance.now()
        const good = answer.ok && (bodies !== undefined || answer.body === expected)
        if (!good) failures++
        else if (startedMs >= begin && nowMs <= end) latenciesMs.push(nowMs - startedMs)
        if (nowMs < end) next()
        else socket.destroy()
      }
    }
  })
}

interface Answer {
  ok: boolean
  body: string
}

const headEnd = Buffer.from('\r\n\r\n')
/** As this server writes it. */
let lengthField = Buffer.from('content-length: ')

/** One whole answer, or undefined while it is still coming. */
function readAnswer(seen: Buffer): Answer | undefined {
  const bodyAt = seen.indexOf(headEnd)
  if (bodyAt < 0) return undefined
  if (seen.indexOf(lengthField) < 0) lengthField = Buffer.from('Content-Length: ')
  const lengthAt = seen.indexOf(lengthField)
  let length = 0
  for (let i = lengthAt + lengthField.length; seen[i]! >= 48; i++) length = length * 10 + seen[i]! - 48
  if (seen.length < bodyAt + 4 + length) return undefined
  return {
    ok: seen.toString('latin1', 9, 12) === '200',
    body: seen.toString('latin1', bodyAt + 4, bodyAt + 4 + length),
  }
}

function head(path: string, length: number): string {
  return `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: ${length}\r\n\r\n`
}

function figures(latenciesMs: number[], failures: number, measureMs: number): LoadFigures {
  latenciesMs.sort((a, b) => a - b)
  const at = (share: number): number => latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0
  return {
    callsPerSecond: (latenciesMs.length * 1000) / measureMs,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    calls: latenciesMs.length,
    failures,
  }
}

if (import.meta.main) {
  process.stdout.write(`${JSON.stringify(await fire((await json(process.stdin)) as Load))}\n`)
}
