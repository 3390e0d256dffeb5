import { generateKeyPairSync, sign, verify } from 'node:crypto';

const RUN_MS = 500;

/** Raw Ed25519 verifications a second on one core: nothing that checks a signature per span can be faster. */
export async function measureEd25519(): Promise<number> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const message = Buffer.alloc(44, 7);
  const signature = sign(null, message, privateKey);
  let count = 0;
  const start = performance.now();
  while (performance.now() - start < RUN_MS) {
    for (let i = 0; i < 20; i += 1) verify(null, message, publicKey, signature);
    count += 20;
  }
  return Math.round(count / ((performance.now() - start) / 1000));
}
