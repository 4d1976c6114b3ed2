import { readFile, writeFile } from 'node:fs/promises'

/** What stands in a built file, and what an owner puts there (as `String.replace` takes it). The builder may put a number behind a name. */
export type Patch = readonly [genuine: RegExp, altered: string]

/** One byte of a log message: the least that can change, and it still runs. */
export const ONE_BYTE: readonly Patch[] = [[/\.info\("listening"/, '.info("lastening"']]

/** Rewrites a built file. @throws Error when something does not stand there exactly once, so that no attack is lost unnoticed */
export async function alterFile(file: string, patches: readonly Patch[]): Promise<void> {
  let code = await readFile(file, 'utf8')
  for (const [genuine, altered] of patches) {
    const found = code.match(new RegExp(genuine, 'g'))?.length ?? 0
    if (found !== 1) throw new Error(`Expected ${genuine} once in ${file}, found it ${found} times`)
    code = code.replace(genuine, altered)
  }
  await writeFile(file, code)
}
