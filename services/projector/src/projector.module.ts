import { Module, type DynamicModule } from '@nestjs/common';
import { classifyBy, JetStreamModule } from '@logline/jetstream';
import { openPool, POSTGRES_FAULTS } from '@logline/postgres';
import { LOG, readSecretFile, type ServiceParts } from '@logline/service';
import { ProjectorConfig } from './config.ts';
import { PROJECTOR_FAULTS } from './errors.ts';
import { Leadership } from './leadership.ts';
import { ProjectController } from './project/project.controller.ts';
import { ProjectService } from './project/project.service.ts';
import { POOL } from './storage/pool.ts';

@Module({})
export class ProjectorModule {
  static register(config: ProjectorConfig, { log }: ServiceParts): DynamicModule {
    const url = readSecretFile(config.postgresUrlFile);
    return {
      module: ProjectorModule,
      imports: [
        JetStreamModule.register({
          url: config.natsUrl,
          user: config.natsUser,
          password: () => readSecretFile(config.natsPasswordFile),
          name: 'projector',
          log,
          classify: classifyBy({ PostgresError: POSTGRES_FAULTS, ProjectorError: PROJECTOR_FAULTS }),
        }),
      ],
      controllers: [ProjectController],
      providers: [
        { provide: LOG, useValue: log },
        { provide: POOL, useFactory: () => openPool(url, { name: 'projector', max: 4 }) },
        ProjectService,
        Leadership,
      ],
    };
  }
}
