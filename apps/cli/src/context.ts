import type { GlobalOptions, Settings } from './config/settings.ts';
import { CliError } from './errors.ts';
import type { Io } from './io.ts';
import type { StateStore } from './state-store.ts';
import type { Output } from './terminal/output.ts';
import type { WalletFile } from './wallet/wallet-file.ts';

/** What a command works with. Settings, wallet and state are found when first asked for: offline commands never look. */
export class Context {
  readonly io: Io;
  readonly out: Output;
  readonly options: GlobalOptions;
  /** Aborted by Ctrl-C, and when `--timeout` has passed. */
  readonly deadline: AbortSignal;
  #settings: Promise<Settings> | undefined;
  #wallet: Promise<WalletFile> | undefined;

  constructor(io: Io, out: Output, options: GlobalOptions) {
    this.io = io;
    this.out = out;
    this.options = options;
    const { timeout } = options;
    this.deadline =
      timeout === undefined ? io.signal : AbortSignal.any([io.signal, AbortSignal.timeout(timeout)]);
  }

  settings(): Promise<Settings> {
    return (this.#settings ??= import('./config/settings.ts').then(({ resolveSettings }) =>
      resolveSettings(this.io, this.options),
    ));
  }

  async state(): Promise<StateStore> {
    const { StateStore } = await import('./state-store.ts');
    return new StateStore((await this.settings()).stateDir);
  }

  /** Whether this command has opened the wallet already. */
  get hasWallet(): boolean {
    return this.#wallet !== undefined;
  }

  /** The unlocked wallet; asks for its passphrase at most once. */
  wallet(): Promise<WalletFile> {
    return (this.#wallet ??= this.#openWallet());
  }

  async #openWallet(): Promise<WalletFile> {
    const { WalletFile } = await import('./wallet/wallet-file.ts');
    return await WalletFile.open(this.io, await this.settings());
  }
}

/** @throws CliError `USAGE` when the argument is missing */
export function needArg(value: string | undefined, name: string): string {
  if (value !== undefined && value !== '') return value;
  throw new CliError('USAGE', `${name} is missing`);
}
