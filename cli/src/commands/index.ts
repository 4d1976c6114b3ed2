import type { Command } from '../command.ts'

/** Every command by its words: its summary, and its module. That is loaded when asked for, so that checking a proof needs neither network code nor a network. */
export const commands: Record<string, [summary: string, load: () => Promise<{ command: Command }>]> = {
  status: ['what the ledger says, and which nodes answer', () => import('./status.ts')],
  'actor new': ['start an actor from a template', () => import('./actor/new.ts')],
  'actor build': ['compile an actor', () => import('./actor/build.ts')],
  'actor inspect': ['what a module asks for, and its hash', () => import('./actor/inspect.ts')],
  'actor dev': ['run an actor here while you write it', () => import('./actor/dev.ts')],
  'actor publish': ['put an actor on the ledger, by CID', () => import('./actor/publish.ts')],
  'actor call': ['call an actor on the nearest attested node, and check its proof', () => import('./actor/call.ts')],
  'app check': ['check a manifest (teapot.yaml)', () => import('./app/check.ts')],
  'app publish': ['put a manifest on the ledger, by CID', () => import('./app/publish.ts')],
  'page publish': ['put a web page on the ledger, by CID', () => import('./page/publish.ts')],
  'proof verify': ['check a saved proof, offline', () => import('./proof/verify.ts')],
  'proof upgrade': ['add what confirms and anchors a saved proof by now', () => import('./proof/upgrade.ts')],
  'proof show': ['what a saved proof holds, as JSON', () => import('./proof/show.ts')],
  'proof replay': ['run the call of a saved proof again, and compare', () => import('./proof/replay.ts')],
  'ledger facts': ['write what the ledger says, to check proofs by offline', () => import('./ledger/facts.ts')],
  'node status': [
    'what a node says of itself: isolation, what it runs, its receipts',
    () => import('./node/status.ts'),
  ],
  'node convict': ['bring to the ledger that a node signed two versions of its log', () => import('./node/convict.ts')],
  'node attest': ["appraise a node's evidence yourself", () => import('./node/attest.ts')],
}
