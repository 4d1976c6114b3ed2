import { proofAppraisers } from '../src/appraisers.ts'
import * as trust from '../src/index.ts'
import { describeProof } from '../src/proof/view.ts'

type Content = (Node | string)[]

/** Each tier in a word and a sign, as colour must not say it alone, and what it means. */
const TIERS: Record<trust.Tier, [word: string, sign: string, means: string]> = {
  affirming: ['Holds', '✓', 'The result is what the node signed, on code that the ledger has approved.'],
  warning: [
    'Holds, with a reservation',
    '!',
    'Nothing in the file contradicts it. Whether that is enough is yours to say:',
  ],
  contraindicated: ['Contradicted', '✕', 'The evidence speaks against the node. Do not rely on this result.'],
  none: ['Proves nothing', '✕', 'Do not rely on this result.'],
}
const STATUS = { pass: ['✓', 'passed'], fail: ['✕', 'failed'], unchecked: ['○', 'not checked'] } as const
const INTEGRITY = {
  none: 'nothing shows that the machine ran only what it measured',
  measured: 'firmware, boot loader, kernel and a read-only root were appraised',
  enclave: "the processor's maker vouches for what the machine ran",
}
const CONFIDENTIALITY = {
  none: "nothing keeps the machine's owner from reading along",
  enclave: "the processor keeps the machine's owner out",
}
const CONFIRMED = 'confirmed: a later quote of the same boot extends its log'
const PROVISIONAL = 'provisional: no later quote shows that the machine went on as it was'
const NOT_ANCHORED = 'none: nothing shows that its checkpoint stands on the ledger'
const INPUTS = ['proof', 'request', 'response', 'facts'] as const

const byId = (id: string) => document.getElementById(id)!
const input = (id: string) => byId(id) as HTMLInputElement
const code = (text: string) => el('code', text)
const time = (seconds: number) => `${new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`
const section = (title: string, ...content: Content) => el('section', el('h2', title), el('div', ...content))

/** What formats unseen, such as what turns the direction of a line, but for the joiners of scripts and emoji. */
const UNSEEN = /[^\P{Cc}\n]|[\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/gu
const shown = (text: string) => text.replace(UNSEEN, '\ufffd')

/** One element, its classes behind dots. Texts stay texts, whatever a file holds, and read as they are. */
function el(name: string, ...content: Content): HTMLElement {
  const [tag, ...classes] = name.split('.')
  const made = document.createElement(tag!)
  made.classList.add(...classes)
  made.append(...content.map((part) => (typeof part === 'string' ? shown(part) : part)))
  return made
}

function details(summary: Content, open: boolean, ...content: Content): HTMLElement {
  const made = el('details', el('summary', ...summary), ...content)
  made.toggleAttribute('open', open)
  return made
}

function table(...rows: [string, ...Content][]): HTMLElement {
  return el('dl', ...rows.flatMap(([term, ...content]) => [el('dt', term), el('dd', ...content)]))
}

/** A sign, and the word that it stands for. */
function mark(sign: string, word: string, tone = ''): HTMLElement {
  return Object.assign(el(`span.sign${tone}`, sign), { role: 'img', ariaLabel: word, title: word })
}

/** The verdict in words, then what the node stated, what bounds it in time, what was not checked, and every reason. */
function report(verdict: trust.ProofVerdict, bytes: Uint8Array): HTMLElement {
  const { tier, summary, fix, claims, reasons, standing, assurance } = verdict
  const [word, sign, means] = TIERS[tier]
  const stands = [standing.confirmed ? 'confirmed' : 'provisional', standing.anchored ? 'anchored' : 'not anchored']
  const worths = Object.entries(assurance).map((claim) => claim.join(' '))
  const made = el(`article.${tier}`, el('p.tier', mark(sign, tier), el('span', word)), el('p.means', means))
  made.append(el('p.summary', summary), ...(fix ? [el('p.fix', el('b', 'Smallest fix'), fix)] : []))
  const tags = [`tier ${tier}`, ...(claims ? [...stands, ...worths] : [])]
  made.append(el('p.tags', ...tags.map((tag) => el('span', tag))))
  const relied = tier === 'affirming' || tier === 'warning'
  if (claims) made.append(section(relied ? 'What the node signed' : 'What it says, unproven', stated(claims)))
  if (claims && relied) {
    made.append(section('When', ...bounds(verdict, claims, trust.parseBundle(bytes))))
    made.append(section('What it is worth', worth(verdict)))
  }
  const skipped = leaves(reasons).filter(({ status }) => status === 'unchecked')
  const once = new Map(skipped.map(({ title, found = '' }) => [title + found, [title, found]]))
  const left = Array.from(once.values(), ([title, found]) => el('li', title!, el('small', found!)))
  made.append(
    section('Not checked', ...(left.length > 0 ? [el('ul.left', ...left)] : ['The check ended before anything else.'])),
  )
  made.append(section('Reasons', tree(reasons)))
  if (verdict.children.length > 0) made.append(section('Calls it made', ...children(verdict, bytes)))
  return made
}

const leaves = (reasons: readonly trust.Reason[]): trust.Reason[] =>
  reasons.flatMap((reason) => (reason.because ? leaves(reason.because) : [reason]))

function stated({ actor, operation, outcome, capabilities, node, isolation, fuel, request, response }: trust.Claims) {
  return table(
    ['Result', code(operation), ' of ', el('b', `${actor.name} ${actor.version}`), ' ended with ', code(outcome)],
    ['Held', `${capabilities.join(', ') || 'no capabilities'}; isolation ${isolation}; fuel ${fuel ?? 'not told'}`],
    ['Code', code(actor.sha256)],
    ['Node', code(node)],
    ['Request', code(request)],
    ['Response', code(response)],
  )
}

/** A line from the block that the result is no older than to the one that it is no newer than. */
function bounds({ standing, reasons }: trust.ProofVerdict, claims: trust.Claims, bundle: trust.ProofBundle) {
  const { block, issuedAt } = claims
  const { number, timestamp } = bundle.facts.block
  const passed = (wanted: string) => reasons.some(({ id, status }) => id === wanted && status === 'pass')
  const hash = passed('proof/block') ? 'its hash is known' : 'hash not checked'
  const since = number === block.number ? `${time(timestamp)} by the file` : hash
  const { confirmed, anchored } = standing
  const [by, at] = passed('proof/anchor') ? ['as the ledger given holds it', ''] : ['taken on trust', ' by the file']
  const until = anchored
    ? el('p', el('b', `block ${anchored.block}`), el('small', time(anchored.timestamp) + at))
    : el('p.never', el('b', 'no bound'), el('small', 'not anchored'))
  return [
    el('div.bounds', el('p', el('b', `block ${block.number}`), el('small', since)), el('i', 'the result'), until),
    table(
      ['Standing', confirmed ? CONFIRMED : PROVISIONAL],
      ['Anchor', anchored ? `epoch ${anchored.epoch}, closed by block ${anchored.block}; ${by}` : NOT_ANCHORED],
      ["Node's clock", `${time(issuedAt)}, which proves nothing`],
    ),
  ]
}

function worth({ assurance: { integrity, confidentiality }, policy }: trust.ProofVerdict): HTMLElement {
  return table(
    ['Integrity', el('b', integrity), `: ${INTEGRITY[integrity]}`],
    ['Confidentiality', el('b', confidentiality), `: ${CONFIDENTIALITY[confidentiality]}`],
    ['Policy', code(policy)],
  )
}

function tree(reasons: readonly trust.Reason[]): HTMLElement {
  return el('ul.tree', ...reasons.map((reason) => el(`li.${reason.status}`, step(reason))))
}

/** What failed stands open. */
function step({ status, title, found = '', because, id, expected = '', source = '', fix = '' }: trust.Reason) {
  const failed = status === 'fail'
  const [sign, word] = STATUS[status]
  const line = [mark(sign, word), el('span', title, el('small', failed ? '' : found))]
  if (because) return details(line, failed, tree(because))
  if (!failed) return el('p', ...line)
  const told: [string, string][] = Object.entries({ expected, found, source, fix })
  return details(line, true, table(...told, ['reason', code(id)]))
}

function children({ children }: trust.ProofVerdict, bytes: Uint8Array): HTMLElement[] {
  const bundles = trust.parseBundle(bytes).children!
  return children.map((child, i) => {
    const [word, sign] = TIERS[child.tier]
    const name = child.claims
      ? `${child.claims.actor.name} ${child.claims.actor.version}, ${child.claims.operation}`
      : ''
    const line = [mark(sign, child.tier, `.${child.tier}`), el('span', name, el('small', word))]
    return details(line, false, report(child, bundles[i]!))
  })
}

/** The whole file in a readable form, or nothing where it can't be read. */
function view(proof: Uint8Array): Content {
  try {
    const text = JSON.stringify(describeProof(proof), null, 2)
    return [section('The file', details(['As JSON'], false, el('pre', text)))]
  } catch {
    return []
  }
}

async function bytesOf(id: (typeof INPUTS)[number]): Promise<Uint8Array | undefined> {
  const file = input(id).files?.[0]
  return file && new Uint8Array(await file.arrayBuffer())
}

/** What the caller knows. Of request and response the page has the payload; the rest is as the proof says, and stands in the report. */
async function expectation(claims: trust.Claims | null): Promise<trust.ProofExpectation> {
  const [request, response, known] = await Promise.all((['request', 'response', 'facts'] as const).map(bytesOf))
  const ledger: trust.ProofExpectation = known ? JSON.parse(new TextDecoder().decode(known)) : {}
  if (known && !ledger.facts) throw new Error('no facts in it')
  return {
    ...(ledger.facts && { facts: ledger.facts }),
    ...(ledger.epochs && { epochs: ledger.epochs }),
    ...(claims && request && { request: { actor: claims.actor.name, operation: claims.operation, payload: request } }),
    ...(claims && response && { response: { outcome: claims.outcome, payload: response } }),
    appraisers: proofAppraisers,
  }
}

async function check(proof: Uint8Array): Promise<Content> {
  try {
    const { claims } = await trust.verifyProof(proof)
    return [report(await trust.verifyProof(proof, await expectation(claims)), proof), ...view(proof)]
  } catch (error) {
    const file = input('facts').files?.[0]?.name
    const why = `Expected in ${file} what teapot ledger facts writes, found otherwise: ${(error as Error).message}.`
    const means = el('p.means', 'Neither for nor against: what was given of the ledger cannot be read.')
    return [el('article.none', el('p.tier', el('span', 'Nothing was checked')), means, el('p.summary', why))]
  }
}

let turn = 0

/** Checks what is chosen; what was chosen meanwhile wins. */
async function run(): Promise<void> {
  const mine = ++turn
  const proof = await bytesOf('proof')
  if (!proof) return
  const made = await check(proof)
  if (mine !== turn) return
  byId('proof-name').textContent = shown(input('proof').files![0]!.name)
  byId('report').replaceChildren(...made)
  const word = document.querySelector('.tier > span:last-child')!.textContent
  byId('proof-hint').textContent =
    `${proof.length.toLocaleString('en')} bytes: ${word}. Drop another to check that one.`
  document.body.classList.add('told')
}

for (const id of INPUTS) input(id).addEventListener('change', run)
// A file that misses its field is a proof, and must not replace the page.
addEventListener('dragover', (event) => event.preventDefault())
addEventListener('drop', (event) => {
  if (event.target instanceof HTMLInputElement) return
  event.preventDefault()
  input('proof').files = event.dataTransfer!.files
  void run()
})
