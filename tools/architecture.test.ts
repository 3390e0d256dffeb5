import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** The rules of docs/architecture.md that a machine can hold: who may import whom, and where things may stand. */

const root = dirname(dirname(fileURLToPath(import.meta.url)));

type Package = {
  readonly name: string;
  readonly dir: string;
  readonly isPrivate: boolean;
  readonly dependencies: readonly string[];
  readonly references: readonly string[];
  /** Every .ts file, tests too. */
  readonly files: readonly { readonly path: string; readonly text: string }[];
};

/** From the bottom up; a package may import from lower layers, and from its own where `among` says so. */
const LAYERS: readonly { readonly packages: readonly string[]; readonly among: boolean }[] = [
  { packages: ['canon-sign'], among: false },
  { packages: ['contracts'], among: false },
  { packages: ['tlog', 'tdln', 'wallet', 'artifact'], among: false },
  // jetstream and postgres stand beside each other; engines starts what they connect to; testing is the world over all of them
  { packages: ['targets', 'jetstream', 'postgres', 'service', 'engines', 'testing', 'sdk'], among: true },
  {
    packages: [
      'gateway',
      'tdln-gate',
      'wallet-verifier',
      'ledger',
      'deploy-orchestrator',
      'projector',
      'runner',
      'cli',
      'local',
    ],
    among: false,
  },
];

const packages = ['libs', 'services', 'apps'].flatMap((room) =>
  readdirSync(join(root, room))
    .filter((name) => existsSync(join(root, room, name, 'package.json')))
    .map((name) => readPackage(join(root, room, name))),
);
const byName = new Map(packages.map((pack) => [pack.name, pack]));

function readPackage(dir: string): Package {
  const pack = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
  const tsconfig = JSON.parse(readFileSync(join(dir, 'tsconfig.json'), 'utf8'));
  return {
    name: pack.name,
    dir,
    isPrivate: pack.private === true,
    dependencies: Object.keys({ ...pack.dependencies, ...pack.devDependencies }),
    references: (tsconfig.references ?? []).map(({ path }: { path: string }) => basename(path)),
    files: listFiles(dir).map((path) => ({ path, text: readFileSync(path, 'utf8') })),
  };
}

function listFiles(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory())
      return ['node_modules', 'dist', '.logline'].includes(entry.name) ? [] : listFiles(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

const isTest = (path: string): boolean => path.endsWith('.test.ts') || path.includes('/test/');

function importsOf(text: string): readonly string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

function workspaceImports(
  pack: Package,
  which: (path: string) => boolean,
): readonly { from: string; target: string }[] {
  return pack.files
    .filter(({ path }) => which(path))
    .flatMap(({ path, text }) =>
      importsOf(text)
        .filter((name) => name.startsWith('@logline/'))
        .map((name) => ({ from: relative(root, path), target: name.split('/').slice(0, 2).join('/') })),
    );
}

const layerOf = (name: string): number =>
  LAYERS.findIndex(({ packages: names }) => names.includes(name.replace('@logline/', '')));

describe('imports', () => {
  it('every package has a layer', () => {
    expect(packages.filter(({ name }) => layerOf(name) < 0).map(({ name }) => name)).toEqual([]);
  });

  it('go one way', () => {
    const wrong = packages.flatMap((pack) =>
      workspaceImports(pack, (path) => !isTest(path)).filter(({ target }) => {
        const [own, other] = [layerOf(pack.name), layerOf(target)];
        return target !== pack.name && (other > own || (other === own && LAYERS[own]?.among !== true));
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('of a published package are of published packages only', () => {
    const wrong = packages
      .filter(({ isPrivate }) => !isPrivate)
      .flatMap((pack) => workspaceImports(pack, (path) => !isTest(path)))
      .filter(({ target }) => byName.get(target)?.isPrivate !== false);
    expect(wrong).toEqual([]);
  });

  it('never reach a service or an app', () => {
    const rooms = packages.filter(({ dir }) => !dir.includes('/libs/')).map(({ name }) => name);
    const wrong = packages.flatMap((pack) =>
      workspaceImports(pack, () => true).filter(
        ({ target }) => target !== pack.name && rooms.includes(target),
      ),
    );
    expect(wrong).toEqual([]);
  });

  it('are declared in the package, and referenced for the compiler', () => {
    const wrong = packages.flatMap((pack) => {
      const used = new Set(workspaceImports(pack, (path) => !isTest(path)).map(({ target }) => target));
      used.delete(pack.name);
      return [...used].flatMap((target) => [
        ...(pack.dependencies.includes(target) ? [] : [`${pack.name} does not declare ${target}`]),
        ...(pack.references.includes(target.replace('@logline/', ''))
          ? []
          : [`${pack.name} does not reference ${target}`]),
      ]);
    });
    expect(wrong).toEqual([]);
  });

  it('of other people’s packages are declared too', () => {
    const wrong = packages.flatMap((pack) =>
      pack.files
        .filter(({ path }) => !isTest(path) && path.startsWith(join(pack.dir, 'src')))
        .flatMap(({ path, text }) =>
          importsOf(text)
            .filter((name) => !/^(\.|node:|#|@logline\/)/.test(name))
            .map((name) =>
              name
                .split('/')
                .slice(0, name.startsWith('@') ? 2 : 1)
                .join('/'),
            )
            .filter((name) => !pack.dependencies.includes(name))
            .map((name) => `${relative(root, path)} imports ${name}`),
        ),
    );
    expect(wrong).toEqual([]);
  });

  it('of the test world stay in tests', () => {
    const wrong = packages
      .filter(({ name }) => name !== '@logline/testing')
      .flatMap((pack) => workspaceImports(pack, (path) => !isTest(path)))
      .filter(({ target }) => target === '@logline/testing');
    expect(wrong).toEqual([]);
  });
});

describe('files', () => {
  it('index.ts stands at a package’s root only, and names what it exports', () => {
    const wrong = packages.flatMap((pack) =>
      pack.files
        .filter(({ path }) => basename(path) === 'index.ts' && !path.includes('/migrations/'))
        .filter(({ path, text }) => path !== join(pack.dir, 'src', 'index.ts') || text.includes('export *'))
        .map(({ path }) => relative(root, path)),
    );
    expect(wrong).toEqual([]);
  });

  it('there are no drawers', () => {
    const drawers = /(^|\/)(utils?|helpers?|common|shared|misc|constants|types|enums|interfaces)(\/|\.ts$)/;
    expect(
      packages.flatMap(({ files }) =>
        files.map(({ path }) => relative(root, path)).filter((path) => drawers.test(path)),
      ),
    ).toEqual([]);
  });

  it('names are kebab-case', () => {
    const wrong = packages.flatMap(({ files }) =>
      files
        .map(({ path }) => relative(root, path))
        .filter((path) => !/^[a-z0-9-]+(\.[a-z0-9-]+)*\.ts$/.test(basename(path))),
    );
    expect(wrong).toEqual([]);
  });
});

describe('tests', () => {
  it('that `skipIf` leaves out say why', () => {
    const skips = packages.flatMap(({ files }) =>
      files.filter(({ path, text }) => isTest(path) && /\.skipIf\(/.test(text)),
    );
    expect(skips.length).toBeGreaterThan(0);
    const silent = skips.filter(({ text }) => !/\bskipReason\b/.test(text));
    expect(silent.map(({ path }) => relative(root, path))).toEqual([]);
  });
});

describe('doors', () => {
  it('subjects are spelled in libs/contracts and nowhere else', () => {
    const spelled =
      /['"`](submit\.(client|recheck|service|report)|accept\.|verify\.[0-9$]|fact\.[*$a-z]|parked\.)/;
    const wrong = packages
      .filter(({ name }) => name !== '@logline/contracts')
      .flatMap(({ files }) =>
        files
          .filter(({ path, text }) => !isTest(path) && spelled.test(text))
          .map(({ path }) => relative(root, path)),
      );
    expect(wrong).toEqual([]);
  });

  it('the environment is read in configuration only', () => {
    const allowed =
      /(^apps\/(cli|local)\/|\/config\.ts$|\/(io|boot|read-config|migrate|maintain|orm|service-config|shared-file)\.ts$|^libs\/(engines|testing|service)\/)/;
    const wrong = packages.flatMap(({ files }) =>
      files
        .filter(
          ({ path, text }) =>
            !isTest(path) && /process\.env\b/.test(text) && !allowed.test(relative(root, path)),
        )
        .map(({ path }) => relative(root, path)),
    );
    expect(wrong).toEqual([]);
  });

  it('pure packages and domain folders touch no file, clock, network or chance', () => {
    const pure = /^libs\/(canon-sign|contracts|tdln|tlog|wallet|artifact)\/src\/|\/src\/domain\//;
    const impure =
      /\bDate\.now\(|\bMath\.random\(|\bnew Date\(\)|from 'node:(fs|net|http|https|child_process|os)|process\.env/;
    const wrong = packages.flatMap(({ files }) =>
      files
        .filter(({ path, text }) => !isTest(path) && pure.test(relative(root, path)) && impure.test(text))
        .map(({ path }) => relative(root, path)),
    );
    expect(wrong).toEqual([]);
  });
});
