import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoryClient } from '../client.ts'
import type { Box } from '../machines.ts'
import type { OpenNetwork } from '../opening.ts'
import { backInService, untilShutOut } from './caught.ts'

/** 7a: one byte of a text in the box's own copy of the runtime image changes. It still runs. */
export async function alteredImage(network: OpenNetwork, client: StoryClient, box: Box): Promise<void> {
  await network.devnet.step(
    '7a',
    'Cheat: one byte of the runtime image changes, and the machine restarts',
    async (say) => {
      await alterOneByte(join(box.folder, 'image', 'daemon.mjs'))
      const { state } = await box.reboot()
      say(`${box.name} runs an image with one byte changed (${state})`)
      await untilShutOut(network, client, box, say)
      await copyFile(join(network.workshop.imageDir, 'daemon.mjs'), join(box.folder, 'image', 'daemon.mjs'))
      await backInService(network, box, say)
    },
  )
}

/** Changes one letter of a log message. */
export async function alterOneByte(file: string): Promise<void> {
  const code = await readFile(file, 'utf8')
  const [genuine, altered] = ['"listening"', '"lastening"']
  if (!code.includes(genuine)) throw new Error(`Expected ${genuine} in ${file}, found none`)
  await writeFile(file, code.replace(genuine, altered))
}
