import type { FastifyInstance, FastifyRequest } from 'fastify';

type Route = { readonly method: string; readonly pattern: RegExp };

/** The routes that there are, for telling a wrong method (405, with what is allowed) from a wrong path (404). */
export class Routes {
  readonly #routes: Route[] = [];

  /** Learns every route that is registered from now on. */
  static of(fastify: FastifyInstance): Routes {
    const routes = new Routes();
    fastify.addHook('onRoute', ({ method, url }) => {
      for (const one of [method].flat()) routes.add(one, url);
    });
    return routes;
  }

  add(method: string, url: string): void {
    this.#routes.push({ method, pattern: toPattern(url) });
  }

  /** Methods of a request's path, sorted; empty when there is nothing there. */
  allowedOn(request: Pick<FastifyRequest, 'url'>): readonly string[] {
    const path = request.url.split('?', 1)[0] ?? '';
    const methods = this.#routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    return methods.length === 0 ? [] : [...new Set([...methods, 'OPTIONS'])].toSorted();
  }
}

/** `:name` is one segment, `*` the rest. */
function toPattern(url: string): RegExp {
  const source = url
    .split('/')
    .map((segment) =>
      segment === '*'
        ? '.*'
        : segment.startsWith(':')
          ? '[^/]+'
          : segment.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`),
    )
    .join('/');
  return new RegExp(`^${source}$`);
}
