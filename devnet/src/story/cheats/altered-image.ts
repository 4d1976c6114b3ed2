import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { alterFile, ONE_BYTE } from '../../attacks/alter-file.ts'
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
      await alterFile(join(box.folder, 'image', 'daemon.mjs'), ONE_BYTE)
      const { state } = await box.reboot()
      say(`${box.name} runs an image with one byte changed (${state})`)
      await untilShutOut(network, client, box, say)
      await copyFile(join(network.workshop.imageDir, 'daemon.mjs'), join(box.folder, 'image', 'daemon.mjs'))
      await backInService(network, box, say)
    },
  )
}
