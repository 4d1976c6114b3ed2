import type { Command } from '../command.ts'

/** Every command by its words. Loaded when asked for, so that checking a proof needs neither network code nor a network. */
export const commands: Record<string, { summary: string; load: () => Promise<Command> }> = {
  status: {
    summary: 'what the ledger says, and which nodes answer',
    load: async () => (await import('./status.ts')).status,
  },
  'actor publish': {
    summary: 'put an actor on the ledger, by CID',
    load: async () => (await import('./actor/publish.ts')).publish,
  },
  'actor call': {
    summary: 'call an actor on the nearest attested node, and check its proof',
    load: async () => (await import('./actor/call.ts')).call,
  },
  'page publish': {
    summary: 'put a web page on the ledger, by CID',
    load: async () => (await import('./page/publish.ts')).publish,
  },
  'proof verify': {
    summary: 'check a saved proof, offline',
    load: async () => (await import('./proof/verify.ts')).verify,
  },
  'node attest': {
    summary: "appraise a node's evidence yourself",
    load: async () => (await import('./node/attest.ts')).attest,
  },
}
