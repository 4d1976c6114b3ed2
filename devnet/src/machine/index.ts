export { commandMachine, controlSocket, type MachineCommand } from './control.ts'
export type { MachineState, MachineStatus } from './machine.ts'
export { copyImage, openTpmMaker, provisionMachine, provisionTpm, readMakerRoot } from './provision.ts'
