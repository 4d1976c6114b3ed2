export { collectTee } from './collector.ts'
export { createTsmCollector } from './configfs-tsm.ts'
export { createNitroCollector } from './nitro.ts'
export { readPlatformLogs } from './platform-logs.ts'
