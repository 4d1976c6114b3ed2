import { registerHooks } from 'node:module'
import { Socket } from 'node:net'
import { GuestFault } from '../abi/guest-fault.ts'
import { createFrameReader, FrameWriter } from '../frames.ts'
import { parseRequest, TranspilerFrame } from './protocol.ts'

/**
 * The transpiler: a process that gets one component, answers with its bundle, and is ended (spec/host.md §3.7). It runs jco on what
 * nobody trusts, never what jco makes of it, and is confined like a sandbox.
 */
const [generator] = process.argv.slice(2)
// Run from sources, it is told the folder of jco's generator. Bundled, that is inside, and its WASI has been replaced already.
if (generator !== undefined)
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier.startsWith('@bytecodealliance/preview2-shim/'))
        return { url: new URL('generator-wasi.ts', import.meta.url).href, shortCircuit: true }
      if (specifier !== '@bytecodealliance/jco-transpile/component') return next(specifier, context)
      return { url: new URL('js-component-bindgen-component.js', generator).href, shortCircuit: true }
    },
  })

const pipe = new Socket({ fd: 3, readable: true, writable: true })
const writer = new FrameWriter((chunk) => pipe.write(chunk))
// The generator is compiled while the component is still on its way.
const transpiler = import('./transpile-component.ts')
const read = createFrameReader(0xffff_0000, (type, _id, body) => {
  if (type === TranspilerFrame.warmUp) void import('./warm-up.ts').then(({ warmUp }) => warmUp())
  else void answer(body)
})
pipe.on('data', read)
// The daemon is gone: so is the reason to be here.
for (const event of ['end', 'close', 'error']) pipe.on(event, () => process.exit(0))

async function answer(body: Buffer): Promise<void> {
  try {
    const { component, settings } = parseRequest(body)
    const { transpileComponent } = await transpiler
    writer.send(TranspilerFrame.bundle, 0, await transpileComponent(component, settings))
  } catch (error) {
    if (!(error instanceof GuestFault)) throw error
    writer.send(TranspilerFrame.refusal, 0, Buffer.from(`${error.failure}: ${error.message}`))
  }
  writer.flush()
}
