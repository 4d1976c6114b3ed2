import { mutantsOf } from './mutant.ts'

/** What a client checks before it sends, and when an answer comes. */
export const CLIENT = [
  ...mutantsOf(
    'sdk/src/attest.ts',
    { tests: ['sdk/src/attest.test.ts'] },
    [
      'the client insists on the node that it dialled',
      `named.facts.epoch.number, node.id)
  const { knownBlocks } = named
  const shown = evidence.platform ?? evidence.tee
  const references = shown && (await currentReferences(node, facts, parts, signal))
  const by = { knownBlocks, ...(await appraisersOf(evidence, references?.document)) }
  const verdict = await appraise(evidence, { node: node.id, nonce }`,
      `named.facts.epoch.number, evidence.node)
  const { knownBlocks } = named
  const shown = evidence.platform ?? evidence.tee
  const references = shown && (await currentReferences(node, facts, parts, signal))
  const by = { knownBlocks, ...(await appraisersOf(evidence, references?.document)) }
  const verdict = await appraise(evidence, { nonce }`,
    ],
    ['the policy has the digest that the ledger names', 'if (found === entry.sha256) return bytes', 'return bytes'],
  ),
  ...mutantsOf('sdk/src/nodes.ts', { tests: ['sdk/src/nodes.test.ts'] }, [
    'only Active nodes are called',
    "if (record.status !== 'active') continue",
    '',
  ]),
  ...mutantsOf('cli/src/commands/proof/verify.ts', { tests: ['cli/src/commands/proof/proof.test.ts'] }, [
    'a proof is held against the ledger in the file that was given',
    'if (ledger !== undefined) return parseLedger(',
    "if (ledger === '') return parseLedger(",
  ]),
  ...mutantsOf('cli/src/run.ts', { tests: ['cli/src/terminal.test.ts'] }, [
    'no command prints what could move a terminal',
    'lines.flat().map(printable)',
    'lines.flat()',
  ]),
  ...mutantsOf('cli/src/commands/proof/verify.ts', { tests: ['cli/src/commands/proof/proof.test.ts'] }, [
    'no text of a proof passes for a line of the verdict',
    'const shown = printableIn(verdict)',
    'const shown = verdict',
  ]),
  ...mutantsOf('cli/src/network.ts', { tests: ['cli/src/run.test.ts'] }, [
    "a network file of another user's is not believed unasked",
    'owner === user)',
    'true)',
  ]),
  ...mutantsOf('sdk/src/http.ts', { tests: ['sdk/src/http.test.ts'] }, [
    "no node's word passes for the client's own finding",
    '(?!cli\\/|sdk\\/)',
    '',
  ]),
  ...mutantsOf('cli/src/commands/node/convict.ts', { tests: ['cli/src/commands/on-the-ledger.test.ts'] }, [
    'nothing is sent before one says so',
    "args.values['yes'] === true",
    'true',
  ]),
]
