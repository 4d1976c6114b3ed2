import { relative, resolve } from 'node:path'
import { newActor, TEMPLATE_LANGUAGES } from '@teapot-network/actors'
import { TeapotError } from '@teapot-network/trust'
import { type Command, exitCode, jsonOption } from '../../command.ts'
import { toJson } from '../../terminal.ts'

/** `teapot actor new` */
export const command: Command = {
  usage: 'actor new DIRECTORY [--template typescript|assemblyscript]',
  summary: 'Makes a directory with an actor that builds and answers; the actor is named for it.',
  options: {
    template: { type: 'string', value: 'NAME', help: `${TEMPLATE_LANGUAGES.join(' or ')}`, default: 'typescript' },
    ...jsonOption,
  },
  positionals: [1, 1],
  async run({ positionals, values }, io) {
    const language = TEMPLATE_LANGUAGES.find((one) => one === values['template'])
    if (language === undefined)
      throw new TeapotError(
        'cli/usage',
        `Cannot find the template ${values['template']}: expected ${TEMPLATE_LANGUAGES.join(' or ')}`,
      )
    const directory = resolve(io.cwd, positionals[0]!)
    const files = await newActor(directory, language)
    if (values['json'] === true) io.out(toJson({ directory, language, files }))
    else {
      const next = `Next: cd ${relative(io.cwd, directory) || '.'} && teapot actor dev`
      io.out(
        files.map((file) => `  ${file}`),
        '',
        next,
      )
    }
    return exitCode.held
  },
}
