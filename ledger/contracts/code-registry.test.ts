import { encodeGrants, entryDigest, type Hex, toHex } from '@teapot-network/trust'
import { describe, expect, it } from 'vitest'
import { useChain } from '../testing/chain.fixture.ts'
import { keyOf, sha256Hex, ZERO } from '../testing/chain.ts'

const STATUS = ['none', 'published', 'current', 'grace', 'superseded', 'revoked']
const publisher = keyOf('publisher')
const nameHash = sha256Hex('acme/hello')
const { chain, refuses, unprovoked } = useChain()

interface Release {
  name?: string
  kind?: number
  version?: bigint
  content?: Hex
  cid?: string
  grants?: Hex
  key?: Hex
}

function publish(release: Release = {}) {
  const { name = 'acme/hello', kind = 3, version = 1n, cid = 'bafy', grants = '0x', key = publisher } = release
  const content = release.content ?? sha256Hex(`${name} ${version}`)
  return chain.write(key, 'codeRegistry', 'publish', [name, kind, version, content, cid, grants])
}
const approve = (version: bigint, key = chain.committee) =>
  chain.write(key, 'codeRegistry', 'approve', [nameHash, version])
const revoke = (version: bigint, key = chain.committee) =>
  chain.write(key, 'codeRegistry', 'revoke', [nameHash, version])
const list = async () => (await chain.read('codeRegistry', 'list', [0n, 100n]))[0]
const statuses = async () => (await list()).map((entry) => STATUS[entry.status])

describe('CodeRegistry', () => {
  it('lists a release with the entry digest that trust computes', async () => {
    const grants = encodeGrants(['kv:read', 'log:write'])
    const content = sha256Hex('bytes')
    const { block } = await publish({ content, grants: toHex(grants) })
    const [entry] = await list()
    expect(entry).toMatchObject({
      digest: entryDigest({ kind: 3, name: 'acme/hello', sha256: content, grants }),
      kind: 3,
      name: 'acme/hello',
      version: 1n,
      sha256Digest: content,
      cid: 'bafy',
      grants: toHex(grants),
      status: 1,
      sinceBlock: BigInt(block),
    })
    expect(await chain.read('codeRegistry', 'entry', [entry!.digest])).toEqual(entry)
  })

  it('knows nothing of a digest that was never published', async () => {
    expect((await chain.read('codeRegistry', 'entry', [ZERO])).status).toBe(0)
  })

  it('moves current to grace and grace to superseded with each approval', async () => {
    for (const version of [1n, 2n, 3n]) {
      await publish({ version })
      await approve(version)
    }
    expect(await statuses()).toEqual(['superseded', 'grace', 'current'])
  })

  it('tells since which block a status holds', async () => {
    await publish()
    const { block } = await approve(1n)
    expect((await list())[0]!.sinceBlock).toBe(BigInt(block))
  })

  it('makes a page current without the committee', async () => {
    await publish({ kind: 6 })
    await publish({ kind: 6, version: 2n })
    expect(await statuses()).toEqual(['grace', 'current'])
  })

  it('keeps what is in grace when the current release is revoked, and moves on from there', async () => {
    for (const version of [1n, 2n, 3n, 4n]) await publish({ version })
    await approve(1n)
    await approve(2n)
    await revoke(2n)
    expect(await statuses()).toEqual(['grace', 'revoked', 'published', 'published'])
    await approve(3n)
    expect(await statuses()).toEqual(['grace', 'revoked', 'current', 'published'])
    await approve(4n)
    expect(await statuses()).toEqual(['superseded', 'revoked', 'grace', 'current'])
  })

  it('pages, and changes its revision with every write', async () => {
    for (const version of [1n, 2n, 3n]) await publish({ version })
    const [page, before] = await chain.read('codeRegistry', 'list', [1n, 1n])
    expect(page.map((entry) => entry.version)).toEqual([2n])
    expect((await chain.read('codeRegistry', 'list', [3n, 5n]))[0]).toEqual([])
    expect((await chain.read('codeRegistry', 'list', [2n ** 256n - 1n, 2n ** 256n - 1n]))[0]).toEqual([])
    await approve(1n)
    expect((await chain.read('codeRegistry', 'list', [1n, 1n]))[1]).toBe(before + 1n)
  })

  it('refuses names that are empty, too long, or hold anything but printable ASCII', async () => {
    for (const name of ['', 'a'.repeat(65), 'a b', 'a\n', 'аcme', 'a\u007f']) {
      await refuses(publish({ name }), 'InvalidName')
    }
    await publish({ name: 'a'.repeat(64) })
  })

  it('refuses kinds outside 1 to 6', async () => {
    await refuses(publish({ kind: 0 }), 'InvalidKind', [0])
    await refuses(publish({ kind: 7 }), 'InvalidKind', [7])
  })

  it('refuses no digest, no CID, and anything too long', async () => {
    await refuses(publish({ content: ZERO }), 'InvalidContent')
    await refuses(publish({ cid: '' }), 'InvalidContent')
    await refuses(publish({ cid: 'b'.repeat(129) }), 'InvalidContent')
    await refuses(publish({ grants: `0x${'00'.repeat(4097)}` }), 'InvalidContent')
  })

  it('keeps a name for its first publisher', async () => {
    await publish()
    await refuses(publish({ version: 2n, key: keyOf('impostor') }), 'NameTaken')
  })

  it('keeps a name to its kind', async () => {
    await publish()
    await refuses(publish({ version: 2n, kind: 6 }), 'KindChanged', [3, 6])
  })

  it('refuses a version that is not newer', async () => {
    await refuses(publish({ version: 0n }), 'VersionNotNewer', [0n, 0n])
    await publish({ version: 5n })
    await refuses(publish({ version: 5n }), 'VersionNotNewer', [5n, 5n])
    await refuses(publish({ version: 4n }), 'VersionNotNewer', [5n, 4n])
  })

  it('refuses to approve a version older than the last one approved', async () => {
    await publish()
    await publish({ version: 2n })
    await approve(2n)
    await refuses(approve(1n), 'VersionNotNewer', [2n, 1n])
    await revoke(2n)
    await refuses(approve(1n), 'VersionNotNewer', [2n, 1n])
  })

  it('refuses the same bytes with the same grants under a second version', async () => {
    const content = sha256Hex('same')
    await publish({ content })
    await refuses(publish({ content, version: 2n }), 'EntryExists')
    await publish({ content, version: 2n, grants: '0x80' })
  })

  it('refuses to approve or revoke what was never published', async () => {
    await refuses(approve(1n), 'UnknownRelease', [nameHash, 1n])
    await refuses(revoke(1n), 'UnknownRelease', [nameHash, 1n])
  })

  it('refuses to approve twice, to revoke twice, and to revoke what never was approved', async () => {
    await publish()
    await refuses(revoke(1n), 'WrongStatus', [1])
    await approve(1n)
    await refuses(approve(1n), 'WrongStatus', [2])
    await revoke(1n)
    await refuses(revoke(1n), 'WrongStatus', [5])
    await refuses(approve(1n), 'WrongStatus', [5])
  })

  it('lets nobody but the committee approve or revoke', async () => {
    await publish()
    await refuses(approve(1n, publisher), 'OwnableUnauthorizedAccount')
    await refuses(revoke(1n, publisher), 'OwnableUnauthorizedAccount')
  })

  it('has no custom error that no test provokes', () => {
    // The committee's address is checked once, by OpenZeppelin, at deployment.
    const elsewhere = ['OwnableInvalidOwner']
    expect(unprovoked('codeRegistry')).toEqual(elsewhere)
  })
})
