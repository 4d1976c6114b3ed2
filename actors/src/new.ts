import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { ActorError } from './actor-error.ts'
import type { Language } from './build.ts'

const TEMPLATES = join(import.meta.dirname, '..', 'templates')

/** What stands for the actor's name in templates. */
const PLACEHOLDER = 'actor-name'

/** The languages that there is a template for. */
export const TEMPLATE_LANGUAGES: readonly Language[] = ['typescript', 'assemblyscript']

/**
 * Makes a directory with an actor that builds and answers.
 * @param directory is made, or is there and empty; the actor is named for it
 * @returns the files made, relative to it
 * @throws ActorError when there is something in the directory already, or its name cannot be an actor's
 */
export async function newActor(directory: string, language: Language): Promise<string[]> {
  const name = basename(resolve(directory))
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name))
    throw new ActorError(
      'actors/cannot-create',
      `Cannot name an actor ${name}: expected lower-case letters, digits and hyphens, a letter first`,
    )
  await mkdir(directory, { recursive: true })
  const there = await readdir(directory)
  if (there.length > 0)
    throw new ActorError(
      'actors/cannot-create',
      `Cannot make an actor in ${directory}: expected an empty directory, found ${there[0]}`,
    )
  const template = join(TEMPLATES, language)
  const files = (await readdir(template, { recursive: true, withFileTypes: true })).filter((file) => file.isFile())
  const made: string[] = []
  for (const file of files) {
    const from = join(file.parentPath, file.name)
    // npm leaves files called .gitignore out of packages.
    const to = from.slice(template.length + 1).replace(/^gitignore$/, '.gitignore')
    await mkdir(dirname(join(directory, to)), { recursive: true })
    if (/\.(md|yaml)$/.test(to)) {
      const text = await readFile(from, 'utf8')
      await writeFile(join(directory, to), text.replaceAll(PLACEHOLDER, name))
    } else await copyFile(from, join(directory, to))
    made.push(to)
  }
  return made.sort()
}
