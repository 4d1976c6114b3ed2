import type { Command } from '../command.ts'

/** Every command by its words. Loaded when asked for, so that checking a proof needs neither network code nor a network. */
export const commands: Record<string, { summary: string; load: () => Promise<Command> }> = {
  status: {
    summary: 'what the ledger says, and which nodes answer',
    load: async () => (await import('./status.ts')).status,
  },
  'actor new': {
    summary: 'start an actor from a template',
    load: async () => (await import('./actor/new.ts')).create,
  },
  'actor build': {
    summary: 'compile an actor',
    load: async () => (await import('./actor/build.ts')).build,
  },
  'actor inspect': {
    summary: 'what a module asks for, and its hash',
    load: async () => (await import('./actor/inspect.ts')).inspect,
  },
  'actor dev': {
    summary: 'run an actor here while you write it',
    load: async () => (await import('./actor/dev.ts')).dev,
  },
  'actor publish': {
    summary: 'put an actor on the ledger, by CID',
    load: async () => (await import('./actor/publish.ts')).publish,
  },
  'actor call': {
    summary: 'call an actor on the nearest attested node, and check its proof',
    load: async () => (await import('./actor/call.ts')).call,
  },
  'app check': {
    summary: 'check a manifest (teapot.yaml)',
    load: async () => (await import('./app/check.ts')).check,
  },
  'app publish': {
    summary: 'put a manifest on the ledger, by CID',
    load: async () => (await import('./app/publish.ts')).publish,
  },
  'page publish': {
    summary: 'put a web page on the ledger, by CID',
    load: async () => (await import('./page/publish.ts')).publish,
  },
  'proof verify': {
    summary: 'check a saved proof, offline',
    load: async () => (await import('./proof/verify.ts')).verify,
  },
  'proof upgrade': {
    summary: 'add what confirms and anchors a saved proof by now',
    load: async () => (await import('./proof/upgrade.ts')).upgrade,
  },
  'proof show': {
    summary: 'what a saved proof holds, as JSON',
    load: async () => (await import('./proof/show.ts')).show,
  },
  'proof replay': {
    summary: 'run the call of a saved proof again, and compare',
    load: async () => (await import('./proof/replay.ts')).replay,
  },
  'ledger facts': {
    summary: 'write what the ledger says, to check proofs by offline',
    load: async () => (await import('./ledger/facts.ts')).facts,
  },
  'node status': {
    summary: 'what a node says of itself: isolation, what it runs, its receipts',
    load: async () => (await import('./node/status.ts')).status,
  },
  'node convict': {
    summary: 'bring to the ledger that a node signed two versions of its log',
    load: async () => (await import('./node/convict.ts')).convict,
  },
  'node attest': {
    summary: "appraise a node's evidence yourself",
    load: async () => (await import('./node/attest.ts')).attest,
  },
}
