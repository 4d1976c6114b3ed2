// `npm run generate` writes docs/teapot.schema.json from sdk/src/app/schema.ts; a test holds the two against each other.
import { writeFileSync } from 'node:fs'
import { MANIFEST_SCHEMA } from '../src/app/schema.ts'

const file = new URL('../../docs/teapot.schema.json', import.meta.url)
writeFileSync(file, `${JSON.stringify(MANIFEST_SCHEMA, null, 2)}\n`)
