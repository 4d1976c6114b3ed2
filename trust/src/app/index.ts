export {
  type AppActor,
  type AppBinding,
  type AppFloor,
  type AppManifest,
  type AppRoute,
  CONFIDENTIALITY,
  encodeManifest,
  INTEGRITY,
  ISOLATION,
  LIMIT_NAMES,
  MAX_TEXTS_BYTES,
  METHODS,
  parseManifest,
} from './manifest.ts'
export { MANIFEST_PREFIX } from './prefix.ts'
export { TEXT_RULES } from './rules.ts'
