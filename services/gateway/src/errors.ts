import type { CanonicalCode, Detail } from '@logline/contracts';

/** What about the request itself is wrong; each is told to the client as a problem document with its canonical code. */
export const GATEWAY_FAULTS = {
  '400_BAD_REQUEST': 'rejected',
  '401_UNAUTHORIZED': 'rejected',
  '403_FORBIDDEN': 'rejected',
  '404_NOT_FOUND': 'rejected',
  '405_METHOD_NOT_ALLOWED': 'rejected',
  '409_NONCE_REUSED': 'rejected',
  '410_CURSOR_EXPIRED': 'rejected',
  '413_TOO_LARGE': 'rejected',
  '415_MEDIA_TYPE': 'rejected',
  '429_RATE_LIMITED': 'retryable',
  '500_INTERNAL': 'fatal',
  '503_UNAVAILABLE': 'retryable',
} as const satisfies Partial<Record<CanonicalCode, 'rejected' | 'retryable' | 'fatal'>>;
export type GatewayErrorCode = keyof typeof GATEWAY_FAULTS;

type Extras = ErrorOptions & {
  readonly details?: readonly Pick<Detail, 'pointer' | 'message'>[];
  readonly retryAfterS?: number;
  readonly allow?: string;
};

export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: GatewayErrorCode;
  readonly details: readonly Pick<Detail, 'pointer' | 'message'>[];
  readonly retryAfterS: number | undefined;
  readonly allow: string | undefined;
  constructor(
    code: GatewayErrorCode,
    message: string,
    { details, retryAfterS, allow, ...options }: Extras = {},
  ) {
    super(message, options);
    this.code = code;
    this.details = details ?? [];
    this.retryAfterS = retryAfterS;
    this.allow = allow;
  }
}
