import { randomBytes } from 'node:crypto';
import { isValidSignature, signerFromSeed } from '@logline/canon-sign';

const RUN_MS = 1_000;

/** Strict Ed25519 verifications a second on one core, by the platform that the services use: nothing that checks a signature per span can be faster. */
export function measureEd25519(): number {
  const signer = signerFromSeed('bench', randomBytes(32));
  const message = Buffer.alloc(44, 7);
  const signature = signer.sign(message);
  let count = 0;
  const start = performance.now();
  while (performance.now() - start < RUN_MS) {
    for (let i = 0; i < 20; i += 1) {
      if (!isValidSignature(signer.publicKey, message, signature))
        throw new Error('a good signature is refused');
    }
    count += 20;
  }
  return Math.round(count / ((performance.now() - start) / 1000));
}
