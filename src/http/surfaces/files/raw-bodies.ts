import type { FastifyInstance } from 'fastify';

/** Routes that read their bodies themselves, of whatever type and length: neither the parser of JSON nor its limit touches them. */
export function takesRawBodies(app: FastifyInstance, register: (routes: FastifyInstance) => void): void {
  app.register((routes, _options, done) => {
    routes.removeAllContentTypeParsers();
    routes.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null));
    register(routes);
    done();
  });
}
