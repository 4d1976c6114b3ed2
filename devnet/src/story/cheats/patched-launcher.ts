import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { alterFile, ONE_BYTE } from '../../attacks/alter-file.ts'
import { placeOwnLauncher } from '../../attacks/own-launcher.ts'
import { copyImage } from '../../machine/index.ts'
import type { StoryClient } from '../client.ts'
import type { Box } from '../machines.ts'
import type { OpenNetwork } from '../opening.ts'
import { backInService, untilShutOut } from './caught.ts'

/** 7b: a launcher of the owner's own extends the genuine digest and runs an altered image. */
export async function patchedLauncher(network: OpenNetwork, client: StoryClient, box: Box): Promise<void> {
  const { workshop, devnet } = network
  await devnet.step('7b', 'Cheat: a patched launcher measures the genuine image and runs another', async (say) => {
    const image = join(box.folder, 'image')
    await placeOwnLauncher(box.folder, workshop.imageDir)
    await alterFile(join(image, 'daemon.mjs'), ONE_BYTE)
    const { state } = await box.reboot()
    say(`${box.name} told its TPM of the genuine image and runs another (${state})`)
    await untilShutOut(network, client, box, say)
    await copyImage(workshop.imageDir, image)
    await rm(join(box.folder, 'genuine'), { recursive: true })
    await backInService(network, box, say)
  })
}
