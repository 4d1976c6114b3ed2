import {
  CONFIDENTIALITY,
  INTEGRITY,
  ISOLATION,
  LIMIT_NAMES,
  MAX_TEXTS_BYTES,
  METHODS,
  TEXT_RULES,
} from '@teapot-network/trust/app'

const text = (rule: keyof typeof TEXT_RULES, description: string) => ({
  type: 'string',
  pattern: TEXT_RULES[rule].pattern,
  description: `${description} (${TEXT_RULES[rule].means})`,
})
const texts = (rule: 'setting' | 'variable', description: string) => ({
  type: 'object',
  description: `${description}; at most ${MAX_TEXTS_BYTES} bytes in all`,
  propertyNames: { pattern: TEXT_RULES[rule].pattern },
  additionalProperties: { type: 'string', pattern: TEXT_RULES.value.pattern },
})
const object = (required: string[], properties: Record<string, object>, description: string) => ({
  ...{ type: 'object', description, additionalProperties: false, required, properties },
})
const oneOf = (values: readonly string[], description: string) => ({ enum: values, description })
const whole = (minimum: number, description: string) => ({
  ...{ type: 'integer', minimum, maximum: Number.MAX_SAFE_INTEGER, description },
})

const binding = object(
  ['capability'],
  {
    capability: text('capability', 'What the actor may use, within its grants'),
    name: { ...text('bindingName', 'What the actor calls the binding by'), default: 'default' },
    provider: text('ledgerName', 'The provider that serves it; by default whichever serves the capability'),
    settings: texts('setting', 'What the provider is told; secret:NAME stands for a secret of the machine'),
  },
  'What connects the actor to one capability',
)
const actor = object(
  ['name'],
  {
    name: text('ledgerName', 'The actor'),
    minVersion: {
      ...whole(1, 'The oldest version that this manifest is made for; an older one is not run'),
      default: 1,
    },
    bindings: { type: 'array', maxItems: 64, items: binding, description: 'Without one the actor uses nothing' },
    limits: object(
      [],
      Object.fromEntries(LIMIT_NAMES.map((name) => [name, whole(0, 'At most; the node may allow less')])),
      'What the actor is held to',
    ),
    environment: texts('variable', 'Environment variables'),
  },
  'How one actor is run',
)
const route = object(
  ['path', 'actor'],
  {
    path: text('path', 'Answers here and below'),
    actor: { type: 'string', description: 'An actor of this manifest, which has the operation HandleRequest' },
    methods: {
      ...{ type: 'array', uniqueItems: true, items: { enum: METHODS } },
      description: 'HTTP methods that it answers; by default any',
    },
  },
  'Which actor answers HTTP requests to /apps/NAME/PATH',
)
const floor = object(
  [],
  {
    integrity: { ...oneOf(INTEGRITY, 'What the evidence for the node must be worth'), default: 'none' },
    confidentiality: { ...oneOf(CONFIDENTIALITY, 'Whether it must hide data in use'), default: 'none' },
    isolation: { ...oneOf(ISOLATION, 'How far actors must be shut off from the machine'), default: 'process' },
  },
  'What a node must reach to run this app',
)

/** JSON Schema (2020-12) of `teapot.yaml`; `docs/teapot.schema.json` is written from it. */
export const MANIFEST_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'teapot.yaml',
  ...object(
    ['name', 'actors'],
    {
      name: text('app', 'The app'),
      actors: { type: 'array', minItems: 1, maxItems: 64, items: actor },
      routes: { type: 'array', maxItems: 256, items: route },
      floor,
    },
    'An app: actors with what connects and limits them, and the paths they answer (spec/host.md §7.3)',
  ),
}
