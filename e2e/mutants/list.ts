import { BOOT } from './boot.ts'
import { BOX } from './box.ts'
import { CLAIMS } from './claims.ts'
import { CLIENT } from './client.ts'
import { COMPONENT } from './component.ts'
import { COMPONENT_WASI } from './component-wasi.ts'
import { CONFINE } from './confinement.ts'
import { CONTENT } from './content.ts'
import { FUEL } from './fuel.ts'
import { HOST_SIDE } from './host.ts'
import { ISOLATION } from './isolation.ts'
import { LEDGER } from './ledger.ts'
import type { Mutant } from './mutant.ts'
import { PAGE_MUTANTS } from './page.ts'
import { PROOF } from './proof.ts'
import { PROVIDERS } from './providers.ts'
import { RECEIPTS } from './receipts.ts'
import { REPLAYED } from './replay.ts'
import { ROUNDS } from './rounds.ts'
import { SANDBOX } from './sandbox.ts'
import { TEE_SNP_NITRO } from './snp.ts'
import { TDX } from './tdx.ts'
import { TPM } from './tpm.ts'
import { TRUST } from './trust.ts'
import { UPGRADE } from './upgrade.ts'
import { WASI } from './wasi.ts'

/** The checks on which trust rests. Whoever adds one to the product adds it here, with the test that misses it. */
export const MUTANTS: Mutant[] = [
  ...TRUST,
  ...TPM,
  ...PROOF,
  ...CLIENT,
  ...COMPONENT,
  ...COMPONENT_WASI,
  ...CONFINE,
  ...CONTENT,
  ...BOOT,
  ...BOX,
  ...CLAIMS,
  ...FUEL,
  ...HOST_SIDE,
  ...ISOLATION,
  ...LEDGER,
  ...PAGE_MUTANTS,
  ...PROVIDERS,
  ...REPLAYED,
  ...RECEIPTS,
  ...ROUNDS,
  ...SANDBOX,
  ...TDX,
  ...TEE_SNP_NITRO,
  ...UPGRADE,
  ...WASI,
]
