import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Evidence of genuine machines, and of boots of our own: kept beside the checkout, as most of it is other people's. */
const FOLDER = join(import.meta.dirname, '../../../shared/samples')

/** Whether a folder of samples is there. @param what is not done where it is not, which is then said */
export function hasGenuine(folder: string, what?: string): boolean {
  const present = existsSync(join(FOLDER, folder))
  if (!present && what) console.warn(`SKIPPED: ${what}, as ${join('../shared/samples', folder)} is not there`)
  return present
}

export const pathOfGenuine = (name: string): string => join(FOLDER, name)
export const readGenuine = (name: string): Uint8Array => new Uint8Array(readFileSync(pathOfGenuine(name)))
/** Fields of a JSON document, as they come. */
export const readGenuineJson = (name: string) => JSON.parse(readFileSync(pathOfGenuine(name), 'utf8'))
/** Base64 and base64url. */
export const base64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))
/** The first certificate of a PEM file. */
export const readGenuinePem = (name: string): Uint8Array =>
  base64(/(?<=BEGIN CERTIFICATE-----)[^-]+/.exec(readFileSync(pathOfGenuine(name), 'utf8'))![0])
