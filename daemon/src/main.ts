// The box: `node daemon.mjs <machine.json>`, started by the launcher from the image's folder. Everything is put together here, and only here.
import { join as joinPath } from 'node:path'
import { cidOfDigest, createBlockStore, createContentNode } from '@teapot-network/content'
import { createHost, type Host } from '@teapot-network/host'
import { createLedger, createTransactionQueue, type Round } from '@teapot-network/ledger'
import { type Assurance, appraise, type LedgerFacts, type NodeStatus, type Policy } from '@teapot-network/trust'
import { appraisersOf } from '@teapot-network/trust/appraisers'
import type { ReferenceValuesDocument } from '@teapot-network/trust/boot'
import { createActivationGate } from './attest/activation-gate.ts'
import { openAttendance } from './attest/attendance.ts'
import { parseEpochRequest } from './attest/ballot.ts'
import { openBeacon } from './attest/beacon.ts'
import { answerConsistency, openCheckpointBook } from './attest/checkpoint-book.ts'
import { systemClock } from './attest/clock.ts'
import { enlist } from './attest/enlistment.ts'
import { openEnrolmentBook } from './attest/enrolment.ts'
import { createEvidenceSource } from './attest/evidence-source.ts'
import { createPeerVerifier } from './attest/peer-verifier.ts'
import { createRounds } from './attest/rounds.ts'
import { openVoteBook } from './attest/vote-book.ts'
import { answerWitness, ownCheckpoint } from './attest/witnesses.ts'
import { openEventLog } from './boot/index.ts'
import { collectTee, createNitroCollector, createTsmCollector, readPlatformLogs } from './collect/index.ts'
import { readMachineFile } from './config.ts'
import { followLedger, inTurns } from './follow-ledger.ts'
import { createRun, loadOperatorKeys } from './keys.ts'
import { createIsolation, type Isolation } from './lattice/isolation.ts'
import { createLattice, type Lattice } from './lattice/lattice.ts'
import { createLog } from './log.ts'
import { createProviderSupervisor } from './providers/index.ts'
import { acceptBlock } from './provision/accept-block.ts'
import { createCitation } from './provision/citation.ts'
import { createAppRoutes } from './provision/find-route.ts'
import { createLoaders } from './provision/loaders.ts'
import { createProvisioner } from './provision/provisioner.ts'
import { openNumberedLog } from './receipts/index.ts'
import {
  type ClaimContext,
  createHostCaller,
  createLogReceipts,
  createSealKey,
  createServer,
  gateByStanding,
} from './serve/index.ts'
import { createAttester, createTpm, openSealedKey, readIssuers } from './tpm/index.ts'
import { createVotingRule } from './voting-rule.ts'

const log = createLog()
const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
process.once('disconnect', () => stop.abort())

try {
  await run(process.argv[2] ?? 'machine.json', stop.signal)
} catch (error) {
  const { code = 'daemon/failed', message } = error as { code?: string; message: string }
  if (!stop.signal.aborted) log.error(message, { code })
  process.exitCode = stop.signal.aborted ? 0 : 1
}
process.exit()

async function run(machineFile: string, signal: AbortSignal): Promise<void> {
  const machine = await readMachineFile(machineFile)
  const { daemon: config, dataDir } = machine
  const { chainId, attestation } = config.deployment
  const inData = (name: string) => joinPath(dataDir, name)
  await using parts = new AsyncDisposableStack()

  // Who we are: the TPM, what this boot measured, the operator's keys, the keys of this run.
  const tpm = parts.use(createTpm(machine.tpm))
  const issuers = config.ekIssuers === undefined ? [] : await readIssuers(config.ekIssuers)
  const attester = await createAttester(tpm, signal, issuers)
  const eventLog = parts.use(await openEventLog(machine.eventLog, tpm, signal))
  const operator = await loadOperatorKeys(inData('operator.json'))
  const thisRun = await createRun()

  // The ledger's side.
  const ledger = createLedger({ rpcUrls: config.rpcUrls, deployment: config.deployment, signal })
  const writer = parts.use(
    createTransactionQueue({
      rpcUrls: config.rpcUrls,
      deployment: config.deployment,
      privateKey: operator.account,
      queueFile: inData('transactions.db'),
      onProblem: (error) => log.warn('ledger', { message: error.message }),
    }),
  )
  // What was prepared for a sandbox counts in later runs only if an approved release on this machine prepared it.
  const factsAtStart = await ledger.readFacts({ signal }).catch(() => undefined)
  const cacheKey = await openSealedKey(inData('cache-key.sealed'), tpm, factsAtStart)
  let round: Round | undefined
  /** What the ledger says of this node. */
  let standing: NodeStatus | undefined
  let policy: Policy | undefined
  let references: ReferenceValuesDocument | undefined

  // Content and the lattice share one libp2p node.
  let isolation: Isolation | undefined
  const store = parts.use(await createBlockStore({ dir: inData('blocks'), quotaBytes: config.contentQuotaBytes }))
  const content = parts.use(
    await createContentNode({
      store,
      peerKey: thisRun.peerSeed,
      listen: [`/ip4/${config.p2p.host}/tcp/${config.p2p.port}`],
      denyPeer: (peerId, direction) => isolation?.denies(peerId, direction) ?? false,
      isMember: (peerId) => isolation?.isMember(peerId) ?? false,
      onEvent: (event) => log.warn('content', { ...event }),
    }),
  )
  const lattice: Lattice = parts.use(
    await createLattice(
      content.libp2p,
      {
        evidence: async (body) => evidence.answer(body),
        activate: createActivationGate({
          ...{ chainId, attestation, self: attester.node, activate: attester.activate },
          facts: () => round?.facts,
        }),
        votes: async (body) => rounds.ballots(parseEpochRequest(body)),
        consistency: async (body) => answerConsistency(body, receipts),
        witness: (body) => answerWitness(body, checkpoints, (digest) => content.get(cidOfDigest(digest), { signal })),
      },
      (peerKey) => isolation?.keeps(peerKey) ?? true,
    ),
  )

  // Receipts, and the evidence that they cite.
  const witnessed = await ownCheckpoint(lattice, attester.node, factsAtStart, signal)
  const numbered = await openNumberedLog(
    attester,
    {
      dir: inData('receipts'),
      node: attester.node,
      run: thisRun.id,
      receiptKey: thisRun.receipt,
      known: witnessed ? [witnessed] : [],
      onFault: (fault) => {
        log.error(fault.message, { code: fault.code })
        process.exit(1)
      },
    },
    (reason) => log.warn('an earlier receipt log was closed, a new one begins', { reason }),
    signal,
  )
  const receipts = parts.use(numbered.log)
  const collectors = [
    createTsmCollector(config.collateral === undefined ? {} : { collateral: config.collateral }),
    createNitroCollector(),
  ]
  const notCollected = (error: Error) => {
    log.warn('cannot collect', { message: error.message })
    return undefined
  }
  const evidence = createEvidenceSource({
    quoter: attester,
    type: attester.type,
    node: attester.node,
    operator: writer.address,
    ak: attester.ak,
    ek: attester.ek,
    keys: thisRun.public,
    readLog: async () => eventLog.bytes(),
    pcrs: () => policy?.pcrs,
    platform: () => readPlatformLogs().catch(notCollected),
    tee: (reportData) => collectTee(collectors, reportData, signal).catch(notCollected),
    async checkpoint() {
      const head = receipts.checkpoint()
      await numbered.remember(head)
      return head
    },
  })
  let context: ClaimContext | undefined
  let assurance: Assurance = { integrity: 'none', confidentiality: 'none' }
  const citation = createCitation({
    measure: (entry) => eventLog.measure(entry, signal),
    evidence,
    async cite(made, facts) {
      // What is claimed is what anyone finds who appraises this evidence (spec/trust-model.md §1).
      const expected = { node: attester.node, nonce: made.evidence.nonce }
      const beneath = await appraisersOf(made.evidence, references)
      if (policy) assurance = (await appraise(made.evidence, expected, facts, policy, beneath)).assurance
      context = { evidence: made.digest, block: made.evidence.chain.block, assurance, isolation: host.isolation }
    },
  })

  // What runs here, and what brings it here.
  const providers = parts.use(
    createProviderSupervisor({
      nodePath: process.execPath,
      providerEntry: joinPath(import.meta.dirname, 'provider.mjs'),
      dataDirectory: inData('providers'),
      operator: config.providers ?? {},
      ...(config.secretsFile === undefined ? {} : { secretsFile: config.secretsFile }),
      services: {
        putBlock: (bytes) => content.add(bytes),
        getBlock: (cid) => content.get(cid, { signal }),
        dropBlock: (cid) => content.unpin(cid),
        callActor: async (actor, operation, payload) => (await host.call({ actor, operation, payload })).payload,
      },
      onRestart: (restart) => log.warn('provider restarted', { ...restart }),
    }),
  )
  const host: Host = parts.use(
    await createHost({
      nodePath: process.execPath,
      sandboxEntry: joinPath(import.meta.dirname, 'sandbox.mjs'),
      transpilerEntry: joinPath(import.meta.dirname, 'transpiler.mjs'),
      cacheDirectory: inData('modules/prepared'),
      cacheKey: cacheKey.key,
      invoke: providers.invoke,
      onLog: ({ actor, text }) => log.info('actor', { actor: actor.name, text }),
    }),
  )
  const loaders = createLoaders({
    ...{ host, providers, log },
    standing: () => ({ isolation: host.isolation, ...assurance }),
    onPolicy: (current) => {
      policy = current
    },
    onReferences: (current) => {
      references = current
    },
  })
  const provisioner = createProvisioner({
    self: attester.node,
    contentPeers: config.contentPeers,
    fetch: (cid, options) => content.fetch(cid, { ...options, pin: true }),
    measure: (entry) => citation.measure(entry, round?.facts),
    loaders: loaders.byKind,
    log,
  })

  // Peers challenge one another.
  const enrolment = await openEnrolmentBook(inData('enrolled.json'), lattice, {
    ...{ chainId, attestation, self: attester.node, peerKey: thisRun.public.peer, voteKey: operator.vote },
  })
  const checkpoints = await openCheckpointBook(inData('checkpoints.json'))
  const verifier = createPeerVerifier({
    ...{ lattice, ledger, enrolment, checkpoints },
    policy: () => policy,
    references: () => references,
  })
  isolation = createIsolation({
    self: attester.node,
    keysOf: verifier.peerKeys,
    learn: (node, facts) => verifier.appraise(node, facts, signal),
    lattice: () => lattice,
    log,
  })
  const rounds = parts.use(
    createRounds({
      self: attester.node,
      attestation,
      voteKey: operator.vote,
      graceSeconds: config.graceSeconds,
      source: { ...evidence, renew: citation.renew },
      verifier,
      checkpoints,
      lattice,
      provisioned: () => provisioner.ready(),
      clock: systemClock,
      attendance: await openAttendance(inData('attendance.json')),
      book: await openVoteBook(inData('votes.json'), attestation),
      decide: createVotingRule(host),
      writer,
      keep: async (block) => void (await content.add(block, { pin: false })),
      fetch: (digest, from, fetchSignal) =>
        content.fetch(cidOfDigest(digest), {
          peers: [...(from ? [JSON.parse(from.contact).http as string] : []), ...config.contentPeers],
          signal: AbortSignal.any([fetchSignal, AbortSignal.timeout(5_000)]),
        }),
      log,
    }),
  )

  const beacon = await openBeacon({ self: attester.node, path: inData('seed-secrets.json'), writer, log })

  const provision = inTurns((facts: LedgerFacts) => provisioner.advance(facts, signal))
  const caller = createHostCaller(host, async (actor) => {
    const facts = await ledger.readFacts({ signal })
    await provision(facts)
    return host.list().some(({ name }) => name === actor)
  })
  const server = parts.use(
    await createServer({
      listen: config.http,
      caller: gateByStanding(caller, () => standing),
      evidence,
      run: thisRun.id,
      sealKey: createSealKey(thisRun.seal),
      receipts: createLogReceipts(receipts, () => context),
      gateway: content.gateway,
      apps: createAppRoutes(loaders.routes),
      acceptBlock: async (cid, bytes) => acceptBlock(content, await ledger.readFacts({ signal }), cid, bytes),
      status: () => ({
        name: machine.name,
        node: attester.node,
        operator: writer.address,
        type: attester.type,
        boot: attester.boot,
        run: thisRun.id,
        epoch: round?.facts.epoch.number,
        block: round?.facts.block.number,
        standing: standing ?? 'unregistered',
        evidence: evidence.current()?.digest,
        isolation: host.isolation,
        isolationReasons: host.isolationReasons,
        loaded: provisioner.loaded().map(({ kind, name, version, cid }) => ({ kind, name, version, cid })),
        receipts: { log: receipts.checkpoint().log, size: receipts.checkpoint().size },
        content: content.stats(),
        peers: content.libp2p.getPeers().length,
      }),
    }),
  )
  log.info('listening', { http: server.url, node: attester.node, run: thisRun.id, boot: attester.boot })

  const contact = config.contact ?? { http: server.url, p2p: content.addresses()[0]!.split('/p2p/')[0]! }
  const self = { ...attester, vote: operator.vote, voteKey: operator.votePublic, contact: JSON.stringify(contact) }
  const join = inTurns(async (now: Round) => {
    const done = await enlist(self, now, writer, signal)
    if (done) log.info(done, contact)
  })

  const work = {
    remember: async (now: Round) => {
      round = now
      standing = now.facts.nodes.find(({ id }) => id === attester.node)?.status
    },
    join,
    provision: (now: Round) => provision(now.facts),
    isolate: (now: Round) => isolation.advance(now.facts),
    attest: (now: Round) => rounds.advance(now),
    beacon: (now: Round) => beacon.advance(now),
    seal: (now: Round) => cacheKey.follow(now.facts),
  }
  await followLedger(ledger, work, log, signal)
  log.info('stopping')
}
