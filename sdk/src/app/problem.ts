import { TeapotError } from '@teapot-network/trust'

/** One thing wrong with a manifest, and where. */
export interface ManifestProblem {
  /** From 1. */
  line: number
  column: number
  /** Such as `actors[0].limits.fuel`; empty for the whole. */
  field: string
  expected: string
  found: string
  /** The smallest change that would make it right. */
  fix: string
}

/** So many problems stand in the message; `problems` has all. */
const SHOWN = 20

/** A `teapot.yaml` that cannot be published, with every problem that was found. */
export class ManifestRefused extends TeapotError {
  readonly problems: readonly ManifestProblem[]

  constructor(file: string, problems: readonly ManifestProblem[]) {
    const lines = problems.map(({ line, column, field, expected, found, fix }) => {
      const what = field === '' ? '' : `${field}: `
      return `${file}:${line}:${column} ${what}expected ${expected}, found ${found}; ${fix}`
    })
    const more = lines.splice(SHOWN).length
    super('manifest/invalid', [...lines, ...(more > 0 ? [`and ${more} more`] : [])].join('\n'))
    this.problems = problems
  }
}
