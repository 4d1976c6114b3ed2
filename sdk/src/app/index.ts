export { type ManifestProblem, ManifestRefused } from './problem.ts'
export { type ReadOptions, readManifest } from './read-manifest.ts'
export { MANIFEST_SCHEMA } from './schema.ts'
