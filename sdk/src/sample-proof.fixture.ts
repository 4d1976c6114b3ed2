import type * as Sample from '../../trust/src/proof/sample-proof.fixture.ts'

const file = new URL('proof/sample-proof.fixture.ts', import.meta.resolve('@teapot-network/trust'))

/** Trust's own sample: a proof of which the AK and the run's key are known. */
export const { makeSampleProof, REQUEST, RESPONSE, SALT }: typeof Sample = await import(file.href)
export type SampleProof = Sample.SampleProof
