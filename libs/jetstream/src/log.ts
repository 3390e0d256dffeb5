/** The part of pino's logger that this package uses. */
export type Log = {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

export const noLog: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore };

function ignore(): void {}
