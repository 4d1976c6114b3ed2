/** What ran before the launcher, and which of it is taken: an import of its own, so that who does not appraise it does not load it. */
export * from '../reference-values.ts'
export * from './appraise-machine.ts'
export * from './firmware-log.ts'
export * from './ima-log.ts'
export * from './platform-appraiser.ts'
