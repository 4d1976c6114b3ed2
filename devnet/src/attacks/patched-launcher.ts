// An owner's own launcher, built in place of the genuine one: it extends the digest of a genuine image, kept aside, and runs another.

import { closeSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { measureRuntime, prepareImage, readLaunchFile } from '@teapot-network/daemon/boot'

const [machineFile = 'machine.json', reportFd] = process.argv.slice(2)
const file = await readLaunchFile(machineFile)
const genuine = await prepareImage({ ...file, imageDir: join(dirname(machineFile), 'genuine') })
await measureRuntime(genuine.image, file)
const { image, node, folder, daemon } = await prepareImage(file)
process.chdir(folder)
writeSync(Number(reportFd), `${JSON.stringify({ image: genuine.image })}\n`)
closeSync(Number(reportFd))
process.execve?.(`/proc/self/fd/${node.fd}`, ['node', ...image.flags, daemon, machineFile], { PATH: '/usr/bin:/bin' })
