import { fileURLToPath } from 'node:url'

/** Sandbox and transpiler as they stand in the source, for tools that run from it; a node has them bundled and measured. */
export const SOURCE_ENTRIES = {
  sandboxEntry: fileURLToPath(new URL('./sandbox/main.ts', import.meta.url)),
  transpilerEntry: fileURLToPath(new URL('./transpiler/main.ts', import.meta.url)),
} as const
