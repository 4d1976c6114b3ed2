import { log } from 'teapot:actor/host@0.1.0'

// Each function exported here is an operation of the actor. It gets the call's payload, and answers with bytes or text.

/** `greet`: a name → a greeting. */
export function greet(payload: Uint8Array): string {
  const name = new TextDecoder().decode(payload)
  if (name === '') throw new Error('Expected a name, found nothing')
  log(`greeting ${name}`)
  return `Hello, ${name}!`
}
