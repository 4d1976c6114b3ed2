import type { JsonType } from '../abi/component/json-values.ts'
import { GuestFault } from '../abi/guest-fault.ts'

/** Comments and spaces are passed over; what is left is a text, a word, or a sign. */
const TOKEN = /\s+|\/\*[\s\S]*?\*\/|\/\/[^\n]*|'[^'\n]*'|[\w$]+|./gy
const BLANK = /^(?:\s|\/\*|\/\/)/
const NAMED: Readonly<Record<string, JsonType>> = {
  bigint: 'big',
  Uint8Array: 'bytes',
  BigUint64Array: { list: 'big' },
  BigInt64Array: { list: 'big' },
}
const PLAIN = new Set(['boolean', 'number', 'string'])
const NOTHING = new Set(['undefined', 'void'])

/** A field of an object type; a variant's case has its name as the literal type of `tag`. */
interface Field {
  readonly type: JsonType
  readonly literal: string | undefined
}

/** What one file declares. */
export interface Declarations {
  /** Types by name. */
  readonly types: ReadonlyMap<string, JsonType>
  /** Parameters of functions, by the names under which they are exported. */
  readonly functions: ReadonlyMap<string, readonly JsonType[]>
  /** Of the world: parameters of its own functions, and files of its interfaces. */
  readonly worlds: ReadonlyMap<string, World>
}

/** An interface of the declarations that stands for a world's imports or exports. */
export interface World {
  readonly functions: ReadonlyMap<string, readonly JsonType[]>
  /** Files by interface name. */
  readonly interfaces: ReadonlyMap<string, string>
}

/** Reads one file of the TypeScript declarations that jco writes. @throws GuestFault `bad-module` for another form */
export function parseDeclarations(source: string, file: string): Declarations {
  return new DeclarationReader(source, file).read()
}

class DeclarationReader {
  readonly #tokens: readonly string[]
  readonly #file: string
  #at = 0
  readonly #files = new Map<string, string>()
  readonly #types = new Map<string, JsonType>()
  readonly #objects = new Map<string, ReadonlyMap<string, Field>>()
  readonly #unions = new Map<string, readonly string[]>()
  readonly #functions = new Map<string, readonly JsonType[]>()
  readonly #worlds = new Map<string, World>()

  constructor(source: string, file: string) {
    this.#tokens = (source.match(TOKEN) ?? []).filter((token) => !BLANK.test(token))
    this.#file = file
  }

  read(): Declarations {
    while (this.#at < this.#tokens.length) this.#statement()
    for (const [name, cases] of this.#unions) this.#types.set(name, this.#variantOf(cases))
    return { types: this.#types, functions: this.#functions, worlds: this.#worlds }
  }

  #statement(): void {
    this.#skip('export')
    const word = this.#take()
    if (word === 'import') this.#import()
    else if (word === 'type') this.#alias()
    else if (word === 'interface') this.#interface()
    else if (word === 'function') {
      const name = this.#take()
      // How the world is instantiated, which is the same for all, comes last.
      if (name === 'instantiate') this.#at = this.#tokens.length
      else this.#functions.set(name, this.#signature())
    } else if (word === 'class') this.#passBlock()
    else if (word === '{') this.#rename()
    else if (word !== ';') throw this.#unknown(word)
  }

  /** import type * as Name from './interfaces/file.js'; */
  #import(): void {
    for (const expected of ['type', '*', 'as']) this.#expect(expected)
    const name = this.#take()
    this.#expect('from')
    this.#files.set(name, this.#path(this.#take()))
    this.#expect(';')
  }

  /** type Name = …; what has parameters of its own is known by name. */
  #alias(): void {
    const name = this.#take()
    if (this.#skip('<')) {
      while (this.#take() !== ';');
      return
    }
    this.#expect('=')
    const { parts, type } = this.#union()
    if (parts !== undefined) this.#unions.set(name, parts)
    else this.#types.set(name, type)
    this.#expect(';')
  }

  /** { _delete as delete }: names that are reserved. */
  #rename(): void {
    const from = this.#take()
    this.#expect('as')
    const to = this.#take()
    this.#expect('}')
    // The function follows.
    this.#skip(';')
    this.#expect('function')
    this.#expect(from)
    this.#functions.set(to, this.#signature())
  }

  #interface(): void {
    const name = this.#take()
    this.#expect('{')
    const fields = new Map<string, Field>()
    const functions = new Map<string, readonly JsonType[]>()
    const interfaces = new Map<string, string>()
    while (!this.#skip('}')) {
      const field = unquote(this.#take())
      if (this.#peek() === '(') functions.set(field, this.#signature())
      else if (this.#peek(1) === 'typeof') {
        this.#at += 2
        interfaces.set(field, this.#files.get(this.#take()) ?? '')
      } else fields.set(field, this.#field())
      this.#skip(',')
    }
    this.#worlds.set(name, { functions, interfaces })
    this.#objects.set(name, fields)
    this.#types.set(name, { record: Object.fromEntries([...fields].map(([field, { type }]) => [field, type])) })
  }

  #field(): Field {
    const optional = this.#skip('?')
    this.#expect(':')
    const literal = this.#peek().startsWith("'") ? unquote(this.#peek()) : undefined
    const { type } = this.#union()
    return { type: optional ? { option: type } : type, literal }
  }

  /** (a: T, b: U): V */
  #signature(): JsonType[] {
    const parameters: JsonType[] = []
    this.#expect('(')
    while (!this.#skip(')')) {
      this.#take()
      this.#expect(':')
      parameters.push(this.#union().type)
      this.#skip(',')
    }
    this.#expect(':')
    this.#union()
    return parameters
  }

  /** T | undefined is an option, texts are an enum; names alone may be a variant's cases, which only their declarations tell. */
  #union(): { type: JsonType; parts: readonly string[] | undefined } {
    const start = this.#at
    const types = [this.#type()]
    while (this.#skip('|')) types.push(this.#type())
    const parts = this.#tokens.slice(start, this.#at).filter((_, i) => i % 2 === 0)
    const names = types.length > 1 && parts.length === types.length && parts.every((part) => /^[A-Z]/.test(part))
    const some = types.filter((type): type is JsonType => type !== undefined)
    const type = types.length > some.length && some.length > 0 ? { option: some[0]! } : (some[0] ?? 'plain')
    return { type, parts: names ? parts : undefined }
  }

  /** @returns undefined for nothing */
  #type(): JsonType | undefined {
    const word = this.#take()
    if (word.startsWith("'") || PLAIN.has(word)) return 'plain'
    if (NOTHING.has(word)) return undefined
    if (word === '[') return { tuple: this.#list(']').map((type) => type ?? 'plain') }
    if (word === 'import') return this.#imported()
    if (Object.hasOwn(NAMED, word)) return NAMED[word]
    if (this.#skip('<')) return this.#generic(word)
    if (/^(?:Ui|I)nt\d+Array$|^Float\d+Array$/.test(word)) return { list: 'plain' }
    if (!/^[\w$]+$/.test(word)) throw this.#unknown(word)
    return { type: `${this.#file}#${word}` }
  }

  #generic(name: string): JsonType {
    const [first, second] = this.#list('>')
    if (name === 'Array' && first !== undefined) return { list: first }
    // A function that may wait; what it returns needs no type.
    if (name === 'Promise') return first ?? 'plain'
    if (name === 'Option') return { variant: { none: null, some: first ?? 'plain' } }
    if (name === 'Result') return { variant: { ok: first ?? null, err: second ?? null } }
    throw this.#unknown(name)
  }

  /** Types with commas between, up to a sign. */
  #list(end: string): (JsonType | undefined)[] {
    const types: (JsonType | undefined)[] = []
    while (!this.#skip(end)) {
      const nothing = NOTHING.has(this.#peek()) && this.#peek(1) !== '|'
      const { type } = this.#union()
      types.push(nothing ? undefined : type)
      this.#skip(',')
    }
    return types
  }

  /** import('./file.js').Name */
  #imported(): JsonType {
    this.#expect('(')
    const file = this.#path(this.#take())
    this.#expect(')')
    this.#expect('.')
    return { type: `${file}#${this.#take()}` }
  }

  #variantOf(cases: readonly string[]): JsonType {
    const variant: Record<string, JsonType | null> = {}
    for (const name of cases) {
      const tag = this.#objects.get(name)?.get('tag')?.literal
      if (tag === undefined) throw this.#unknown(name)
      variant[tag] = this.#objects.get(name)?.get('val')?.type ?? null
    }
    return { variant }
  }

  #passBlock(): void {
    while (this.#take() !== '{');
    for (let depth = 1; depth > 0; ) {
      const token = this.#take()
      if (token === '{') depth++
      else if (token === '}') depth--
    }
  }

  /** All interfaces are in one folder. */
  #path(quoted: string): string {
    return `interfaces/${unquote(quoted).replace(/^.*\//, '').replace(/\.js$/, '.d.ts')}`
  }

  #peek(ahead = 0): string {
    return this.#tokens[this.#at + ahead] ?? ''
  }

  #take(): string {
    const token = this.#tokens[this.#at++]
    if (token === undefined) throw this.#unknown('the end')
    return token
  }

  #skip(token: string): boolean {
    if (this.#peek() !== token) return false
    this.#at++
    return true
  }

  #expect(token: string): void {
    const found = this.#take()
    if (found !== token) throw this.#unknown(found)
  }

  #unknown(found: string): GuestFault {
    return new GuestFault('bad-module', `Expected declarations in jco's form in ${this.#file}, found ${found}`)
  }
}

const unquote = (token: string) => (token.startsWith("'") ? token.slice(1, -1) : token)
