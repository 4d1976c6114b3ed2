import type { AppManifest } from '@teapot-network/trust/app'
import { type Command, exitCode, jsonOption } from '../../command.ts'
import { toJson } from '../../terminal.ts'
import { readApp } from './read.ts'

/** `teapot app check` */
export const command: Command = {
  usage: 'app check FILE',
  summary: 'Checks a teapot.yaml as publishing would, and prints what it says. Needs no network.',
  options: { ...jsonOption },
  positionals: [1, 1],
  async run({ positionals, values }, io) {
    const manifest = await readApp(positionals[0]!, io)
    if (values['json'] === true) io.out(toJson(manifest))
    else io.out(describe(manifest))
    return exitCode.held
  },
}

function describe({ name, actors, routes, floor }: AppManifest): string[] {
  return [
    `app ${name}`,
    ...actors.flatMap(({ name, minVersion, bindings, limits }) => [
      `  actor ${name} from v${minVersion}`,
      ...bindings.map(({ name, capability, provider }) => {
        return `    ${name}: ${capability}${provider === null ? '' : ` of ${provider}`}`
      }),
      ...Object.entries(limits).map(([limit, value]) => `    at most ${value} ${limit}`),
    ]),
    ...routes.map(({ path, actor, methods }) => {
      return `  /apps/${name}${path === '/' ? '' : path} ${methods.join(',') || 'any method'} → ${actor}`
    }),
    `  on nodes with integrity ${floor.integrity}, confidentiality ${floor.confidentiality}, isolation ${floor.isolation} or more`,
  ]
}
