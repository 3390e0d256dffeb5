import { formatHex, signerFromSeed, type LocalSigner, parseHex } from '@logline/canon-sign';
import {
  emptyWallet,
  findKey,
  LOCK_RANDOM_BYTES,
  lockWallet,
  unlockWallet,
  type Wallet,
} from '@logline/wallet';
import type { Settings } from '../config/settings.ts';
import { CliError } from '../errors.ts';
import { createPrivate, modeOf, readPrivate, withFileLock, writePrivate } from '../files.ts';
import type { Io } from '../io.ts';
import { askSecret, withoutFinalNewline } from '../terminal/prompt.ts';

const HOW_ELSE = 'set LOGLINE_PASSPHRASE_FILE to a file (mode 0600) that holds it, or LOGLINE_PASSPHRASE';

/** An unlocked wallet and the file it lies in. The passphrase stays here for saving; it is never printed. */
export class WalletFile {
  readonly path: string;
  readonly #io: Io;
  readonly #passphrase: string;
  #wallet: Wallet;
  /** The locked bytes as last read or written, to see whether somebody else wrote meanwhile. */
  #bytes: Uint8Array;

  private constructor(io: Io, path: string, passphrase: string, wallet: Wallet, bytes: Uint8Array) {
    this.#io = io;
    this.path = path;
    this.#passphrase = passphrase;
    this.#wallet = wallet;
    this.#bytes = bytes;
  }

  /** @throws CliError `NOT_FOUND`, `UNSAFE_FILE`, `AUTH_NEEDED`; WalletError when it does not open */
  static async open(io: Io, settings: Settings): Promise<WalletFile> {
    const path = settings.walletPath;
    if ((await modeOf(path)) === null) {
      throw new CliError('AUTH_NEEDED', `there is no wallet at ${path}`, {
        fix: 'make one: logline wallet init',
      });
    }
    const bytes = await readPrivate(path, 'wallet');
    const passphrase = await passphraseOf(io, settings, `Passphrase of ${path}: `);
    return new WalletFile(io, path, passphrase, unlockWallet(bytes, passphrase), bytes);
  }

  /** @throws CliError `CONFLICT` when there is a file already */
  static async create(
    io: Io,
    settings: Settings,
    passphrase: string,
    first: (empty: Wallet) => Wallet,
  ): Promise<WalletFile> {
    const wallet = first(emptyWallet());
    const bytes = lockWallet(wallet, passphrase, io.random(LOCK_RANDOM_BYTES));
    await createPrivate(settings.walletPath, bytes);
    return new WalletFile(io, settings.walletPath, passphrase, wallet, bytes);
  }

  get wallet(): Wallet {
    return this.#wallet;
  }

  /** Changes the wallet on disk: what another command wrote meanwhile is read first, so that neither loses the other's keys. */
  async update(change: (wallet: Wallet) => Wallet): Promise<void> {
    await withFileLock(this.path, async () => {
      const onDisk = await readPrivate(this.path, 'wallet');
      if (!Buffer.from(onDisk).equals(this.#bytes)) this.#wallet = unlockWallet(onDisk, this.#passphrase);
      const next = change(this.#wallet);
      if (next === this.#wallet) return;
      const bytes = lockWallet(next, this.#passphrase, this.#io.random(LOCK_RANDOM_BYTES));
      await writePrivate(this.path, bytes);
      this.#wallet = next;
      this.#bytes = bytes;
    });
  }

  /** @throws WalletError `KEY_MISSING` */
  signer(kid?: string): LocalSigner {
    const key = findKey(this.#wallet, kid);
    const signer = signerFromSeed(key.kid, parseHex(key.seed, 32));
    if (formatHex(signer.publicKey) !== key.pub)
      throw new CliError('FAILED', `the key ${key.kid} of this wallet does not fit its public half`);
    return signer;
  }
}

/** Whether a passphrase is at hand without asking: the wallet is "open". */
export function isWalletOpen(settings: Settings): boolean {
  return settings.passphraseFile !== undefined || settings.passphrase !== undefined;
}

/** From the file, the environment, or the terminal, in this order. @throws CliError `AUTH_NEEDED` */
export async function passphraseOf(io: Io, settings: Settings, question: string): Promise<string> {
  if (settings.passphraseFile !== undefined) {
    const bytes = await readPrivate(settings.passphraseFile, 'passphrase file');
    return new TextDecoder().decode(withoutFinalNewline(bytes));
  }
  if (settings.passphrase !== undefined) return settings.passphrase;
  if (!settings.mayAsk)
    throw new CliError('AUTH_NEEDED', 'the wallet needs its passphrase', { fix: HOW_ELSE });
  return await askSecret(io, question, HOW_ELSE);
}

/** As `passphraseOf`, asked twice on a terminal. */
export async function newPassphrase(io: Io, settings: Settings): Promise<string> {
  if (isWalletOpen(settings) || !settings.mayAsk) return await passphraseOf(io, settings, '');
  const typed = await askSecret(io, 'New passphrase (at least 8 characters): ', HOW_ELSE);
  if (typed !== (await askSecret(io, 'The same once more: ', HOW_ELSE)))
    throw new CliError('INVALID_INPUT', 'the two are not the same');
  return typed;
}
