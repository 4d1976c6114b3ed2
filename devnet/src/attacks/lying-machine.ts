// A box whose owner put their own code below the launcher: `node lying-machine.ts <machine.json>`. The firmware measures the launcher of
// the image kept in `genuine`, and runs the one in `image`.
import { dirname, join } from 'node:path'
import { LAUNCHER_FILE } from '@teapot-network/daemon/boot'
import { measureLauncher } from '../machine/firmware.ts'
import { runMachine } from '../machine/run-machine.ts'

await runMachine(process.argv[2], async (file, signal) => {
  const measured = await measureLauncher({ ...file, imageDir: join(dirname(file.imageDir), 'genuine') }, signal)
  return { ...measured, launcherPath: join(file.imageDir, LAUNCHER_FILE) }
})
