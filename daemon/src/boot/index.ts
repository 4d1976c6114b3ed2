export { type EventLog, openEventLog } from './event-log.ts'
export {
  hashFile,
  LAUNCHER_FILE,
  launcherEntry,
  type MeasuredImage,
  measureImage,
  NODE_FILE,
  openNode,
  placeNode,
  readImageFile,
  referenceValue,
  runtimeEntry,
  type Setting,
} from './image.ts'
export { measureRuntime, type PreparedImage, prepareImage } from './launch.ts'
export { type LaunchFile, readLaunchFile } from './launch-file.ts'
