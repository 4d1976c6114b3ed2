import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { buildModule } from '@teapot-network/daemon/build-image'
import { copyImage } from '../../machine/index.ts'
import type { StoryClient } from '../client.ts'
import type { Box } from '../machines.ts'
import type { OpenNetwork } from '../opening.ts'
import { alterOneByte } from './altered-image.ts'
import { backInService, untilShutOut } from './caught.ts'

/** 7b: a launcher of the owner's own extends the genuine digest and runs an altered image. */
export async function patchedLauncher(network: OpenNetwork, client: StoryClient, box: Box): Promise<void> {
  const { workshop, devnet } = network
  await devnet.step('7b', 'Cheat: a patched launcher measures the genuine image and runs another', async (say) => {
    const [image, genuine] = [join(box.folder, 'image'), join(box.folder, 'genuine')]
    await copyImage(workshop.imageDir, genuine)
    await alterOneByte(join(image, 'daemon.mjs'))
    await buildModule({ source: 'devnet/src/attacks/patched-launcher.ts', outFile: join(image, 'launcher.mjs') })
    const { state } = await box.reboot()
    say(`${box.name} told its TPM of the genuine image and runs another (${state})`)
    await untilShutOut(network, client, box, say)
    await copyImage(workshop.imageDir, image)
    await rm(genuine, { recursive: true })
    await backInService(network, box, say)
  })
}
