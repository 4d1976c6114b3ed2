// transparency-dev/merkle: its vectors of inclusion and consistency (`testdata`) against trust's verifiers.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { verifyConsistency, verifyInclusion } from '@teapot-network/trust'
import type { Suite } from './suite.ts'

interface Vector {
  leafIdx: number
  treeSize: number
  leafHash: string
  root: string
  size1: number
  size2: number
  root1: string
  root2: string
  proof: string[] | null
  wantErr: boolean
}

const bytes = (base64: string | null) => new Uint8Array(Buffer.from(base64 ?? '', 'base64'))

const KINDS: Record<string, (vector: Vector, path: Uint8Array[]) => boolean> = {
  inclusion: (v, path) => verifyInclusion(v.leafIdx, v.treeSize, bytes(v.leafHash), path, bytes(v.root)),
  consistency: (v, path) => verifyConsistency(v.size1, bytes(v.root1), v.size2, bytes(v.root2), path),
}

/** What RFC 9162 leaves open, and theirs decides otherwise. */
const OPEN: Record<string, string> = {
  'testdata/consistency/additional/size1-is-zero-and-size2-is-not-zero.json':
    'here the empty tree is a prefix of every tree, with an empty path; theirs takes no question about it',
}

/** Runs every vector. Proofs of subtrees are out of scope: nothing here makes or takes any. */
export const run: Suite = async (directory, report) => {
  for (const [kind, holds] of Object.entries(KINDS)) {
    const files = globSync(`testdata/${kind}/**/*.json`, { cwd: directory }).sort()
    if (files.length < 50) throw new Error(`Expected a checkout of transparency-dev/merkle in ${directory}, found none`)
    for (const name of files) {
      const vector: Vector = JSON.parse(readFileSync(join(directory, name), 'utf8'))
      const found = holds(vector, (vector.proof ?? []).map(bytes))
      if (found !== vector.wantErr) report({ name, outcome: 'passed' })
      else if (OPEN[name] !== undefined) report({ name, outcome: 'skipped', reason: OPEN[name] })
      else report({ name, outcome: 'failed', reason: `expected ${!vector.wantErr}, found ${found}` })
    }
  }
}
