import { refuse } from '../refusal.ts'
import { Resource } from '../resource.ts'
import type { World } from '../world.ts'
import { type BodyTerms, IncomingBody, OutgoingBody } from './http-bodies.ts'
import { contentLength, type Field, Fields } from './http-fields.ts'

/** What a request and a response that came have alike: fields, and a body that is there. */
export abstract class IncomingMessage extends Resource {
  readonly #fields: readonly Field[]
  readonly #body: Uint8Array
  #consumed = false

  constructor(world: World, fields: readonly Field[], body: Uint8Array) {
    super(world)
    this.#fields = fields
    this.#body = body
  }

  // headers: func() -> headers
  headers(): Fields {
    return new Fields(this.world, this.#fields, true)
  }

  // consume: func() -> result<incoming-body>
  consume(): IncomingBody {
    this.world.charge()
    if (this.#consumed) refuse(undefined)
    this.#consumed = true
    return new IncomingBody(this.world, this.#body)
  }
}

/** What a request and a response that a guest makes have alike. */
export abstract class OutgoingMessage extends Resource {
  protected readonly fields: readonly Field[]
  protected written: OutgoingBody | undefined

  // constructor(headers: headers)
  constructor(world: World, headers: Fields) {
    super(world)
    world.charge()
    this.fields = headers.take()
  }

  // headers: func() -> headers
  headers(): Fields {
    return new Fields(this.world, this.fields, true)
  }

  // body: func() -> result<outgoing-body>
  body(): OutgoingBody {
    this.world.charge()
    if (this.written !== undefined) refuse(undefined)
    this.written = new OutgoingBody(this.world, { length: contentLength(this.fields), ...this.terms() })
    return this.written
  }

  protected abstract terms(): Omit<BodyTerms, 'length'>
}
