export { commandMachine, controlSocket } from './control.ts'
export type { MachineStatus } from './machine.ts'
export { copyImage, openTpmMaker, provisionMachine, provisionTpm, readMakerRoot } from './provision.ts'
