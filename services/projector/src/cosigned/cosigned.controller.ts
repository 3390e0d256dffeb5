import { Controller, Inject } from '@nestjs/common';
import { CONSUMERS, STREAMS } from '@logline/contracts';
import type { JetStreamContext } from '@logline/jetstream';
import { Consume } from '@logline/jetstream/nest';
import type { Pool } from '@logline/postgres';
import { parseCosigned } from '../domain/cosigned.ts';
import { saveCosigned } from '../storage/save-cosigned.ts';
import { POOL } from '../storage/pool.ts';

/** Checkpoints that a quorum has cosigned, as the ledger sends them; one by one, since each is one row. */
@Controller()
export class CosignedController {
  constructor(@Inject(POOL) private readonly pool: Pool) {}

  @Consume(STREAMS.cosigned, CONSUMERS.projectorCosigned, { mode: 'ordered', paused: true })
  async onCosigned(bytes: Uint8Array, message: JetStreamContext): Promise<void> {
    await saveCosigned(this.pool, parseCosigned(message.subject, bytes));
  }
}
