/** `logline help <topic>`. */
export const TOPICS: Readonly<Record<string, string>> = {
  'exit-codes': `Exit codes, the same for every command:

    0  done
    1  it failed
    2  the command line is not complete or not known
    3  not there, or a verification that says no
    4  a token, key, passphrase or proof is needed
    5  the input is malformed, or a signature does not verify
    6  it conflicts with what is there
    7  not now: run the same command again
    8  --timeout passed
  130  Ctrl-C`,
  environment: `Environment variables, each weaker than its flag:

  LOGLINE_BASE_URL            the gateway
  LOGLINE_TENANT              the tenant
  LOGLINE_API_KEY             an API token of that tenant (never a flag: other users could read it)
  LOGLINE_WALLET              the wallet file
  LOGLINE_PASSPHRASE_FILE     a file, mode 0600, that holds the wallet's passphrase
  LOGLINE_PASSPHRASE          the passphrase itself
  LOGLINE_PROFILE             the stored login to use
  LOGLINE_LOG_KEY             verifier key of the tenant's log
  LOGLINE_OPERATOR_KEY_FILE   the operator's key, for tenant create, tenant rotate-log-key and log adopt
  LOGLINE_LEDGER_COMMAND      what starts the ledger's maintenance, for logline ledger
  LOGLINE_CONFIG_DIR, LOGLINE_STATE_DIR   instead of the XDG folders
  NO_COLOR, FORCE_COLOR, CI, TERM, LANG   as everywhere

Flags win over the environment, the environment over .logline/dev/env.json (found from here upwards), that over the profile.
--profile or LOGLINE_PROFILE leaves .logline/dev/env.json out. A stored token is used only with the address it was stored with.`,
  files: `Files:

  ~/.config/logline/profiles/<name>.json     logline login (0600)
  ~/.local/share/logline/wallet.json         the wallet, locked by its passphrase (0600)
  ~/.local/state/logline/                    receipts, last apply, newest checkpoints, proven log keys
  .logline/dev/env.json                      written by npm start; used when nothing else is configured
  .logline/dev/state/                        the state of that installation

A wallet, passphrase, profile or operator key file that others can read is refused.`,
};
