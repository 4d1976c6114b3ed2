import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { type DevelopEvent, type Development, developActor } from '@teapot-network/actors'
import { TeapotError, utf8 } from '@teapot-network/trust'
import { type Command, exitCode, type Io, jsonOption } from '../../command.ts'
import { hanging, showBytes, toJson } from '../../terminal.ts'
import { readApp } from '../app/read.ts'

/** `teapot actor dev` */
export const command: Command = {
  usage: 'actor dev [DIRECTORY] [--port N]',
  summary:
    'Builds and runs an actor here; rebuilds and swaps it when a file changes. Type "operation payload" to call it, or POST to the address shown.',
  options: {
    port: { type: 'string', value: 'N', help: 'port to serve calls on (default: any free one)', default: '0' },
    ...jsonOption,
  },
  positionals: [0, 1],
  async run({ positionals, values }, io) {
    const directory = resolve(io.cwd, positionals[0] ?? '.')
    const json = values['json'] === true
    const tell = (event: object, text: string) => io.out(json ? [toJson(event)] : hanging(text))
    await using development = await developActor({
      directory,
      name: basename(directory),
      port: parsePort(values['port'] as string),
      settings: await settingsOf(directory, io),
      onEvent: (event) => tell(event, describe(event)),
    })
    tell(
      { type: 'listening', url: development.url },
      `POST ${development.url}/<operation> calls it; so does typing: operation payload`,
    )
    await answerLines(development, io, tell)
    return exitCode.held
  },
}

function parsePort(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port < 65_536) return port
  throw new TeapotError('cli/usage', `Cannot listen: expected --port from 0 to 65535, found ${text}`)
}

/** What the manifest in the directory says of the actor; without one it is bound to nothing. */
async function settingsOf(directory: string, io: Io) {
  const file = join(directory, 'teapot.yaml')
  if (!existsSync(file)) return { bindings: [] }
  const taken = new Set<string>()
  const { actors } = await readApp(file, io, taken)
  if (taken.size > 0) io.err(`the manifest takes out of your environment: ${[...taken].join(', ')}`)
  const actor = actors.find(({ name }) => name === basename(directory)) ?? actors[0]!
  const bindings = actor.bindings.map(({ provider, ...binding }) => ({ ...binding, ...(provider && { provider }) }))
  return { bindings, limits: actor.limits, environment: actor.environment }
}

function describe(event: DevelopEvent): string {
  if (event.type === 'log') return `  ${event.text}`
  if (event.type === 'failed') return `✘ ${event.message}`
  return `✔ v${event.version} in ${event.buildMs + event.loadMs} ms (build ${event.buildMs}, load ${event.loadMs}), ${event.sizeBytes} bytes`
}

/** Calls the actor for each line typed, one after the other, until they end or the command is interrupted. */
async function answerLines(
  development: Development,
  { signal }: Io,
  tell: (event: object, text: string) => void,
): Promise<void> {
  for await (const line of createInterface({ input: process.stdin, signal })) {
    const [, operation = '', payload = ''] = /^\s*(\S+)\s?(.*)$/.exec(line) ?? []
    if (operation === '') continue
    const startedAt = performance.now()
    await development.call(operation, utf8(payload)).then(
      ({ payload: answer, fuel }) => {
        const ms = Number((performance.now() - startedAt).toFixed(2))
        tell({ type: 'answer', text: showBytes(answer), fuel, ms }, `${showBytes(answer)}   (${ms} ms, fuel ${fuel})`)
      },
      ({ code, message }) => tell({ type: 'error', code, message }, `✘ ${message} (${code})`),
    )
  }
}
