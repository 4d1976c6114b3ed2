import { relative, resolve } from 'node:path'
import { buildActor, inspectActor } from '@teapot-network/actors'
import { rawCid } from '@teapot-network/sdk'
import { type Command, exitCode, jsonOption } from '../../command.ts'
import { replaceFile } from '../../input.ts'
import { toJson } from '../../terminal.ts'

/** `teapot actor build` */
export const command: Command = {
  usage: 'actor build [DIRECTORY] [--out FILE]',
  summary: 'Compiles an actor: assembly/index.ts (AssemblyScript) or index.ts (TypeScript) of the directory.',
  options: {
    out: { type: 'string', help: 'where to write (default: actor.wasm in the directory)' },
    ...jsonOption,
  },
  positionals: [0, 1],
  async run({ positionals, values }, io) {
    const directory = resolve(io.cwd, positionals[0] ?? '.')
    const out = resolve(io.cwd, (values['out'] as string | undefined) ?? resolve(directory, 'actor.wasm'))
    const built = await buildActor(directory)
    await replaceFile(out, built.wasm, io)
    await replaceFile(`${out}.map`, Buffer.from(built.sourceMap), io)
    const { sha256, sizeBytes, abi } = await inspectActor(built.wasm)
    const cid = rawCid(sha256)
    if (values['json'] === true) io.out(toJson({ file: out, language: built.language, abi, sizeBytes, sha256, cid }))
    else io.out(`${relative(io.cwd, out)}  ${sizeBytes} bytes, ${abi}`, sha256, cid)
    return exitCode.held
  },
}
