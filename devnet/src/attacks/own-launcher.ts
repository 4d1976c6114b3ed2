import { join } from 'node:path'
import { buildModule } from '@teapot-network/daemon/build-image'
import { copyImage } from '../machine/index.ts'

/** Puts a launcher of the owner's own ({@link file://./patched-launcher.ts}) into a box: it measures the image kept aside in `genuine`, and runs the box's. */
export async function placeOwnLauncher(folder: string, genuine: string): Promise<void> {
  await copyImage(genuine, join(folder, 'genuine'))
  const outFile = join(folder, 'image', 'launcher.mjs')
  await buildModule({ source: 'devnet/src/attacks/patched-launcher.ts', outFile })
}
