import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { type Config, loadConfig } from '../src/config/config.ts';
import { registerHealth } from '../src/http/surfaces/health.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const nginx = [process.env['MOONGATE_NGINX'], '/usr/sbin/nginx', '/usr/bin/nginx'].find((path) => path !== undefined && existsSync(path));
const hex = 'c0ffee00'.repeat(8);

const texts = z.record(z.string(), z.string());
const composeFile = z.object({
  services: z.record(
    z.string(),
    z.object({
      image: z.string(),
      environment: texts.optional(),
      deploy: z.object({ replicas: z.number() }).optional(),
      ports: z.array(z.string()).optional(),
      volumes: z.array(z.string()).optional(),
      depends_on: z.record(z.string(), z.object({ condition: z.string() })).optional(),
      healthcheck: z.object({ test: z.array(z.string()) }).optional(),
      stop_grace_period: z.string().optional(),
    }),
  ),
  volumes: z.record(z.string(), z.null()),
});

const probe = z.looseObject({ httpGet: z.object({ path: z.string(), port: z.literal('http') }) });
const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })),
  env: z
    .array(z.object({ name: z.string(), value: z.string().optional(), valueFrom: z.object({ secretKeyRef: z.object({ name: z.string(), key: z.string() }) }).optional() }))
    .default([]),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })).default([]),
});
const workload = z.object({
  kind: z.enum(['Deployment', 'StatefulSet']),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    replicas: z.number(),
    selector: z.object({ matchLabels: texts }),
    template: z.object({ metadata: z.object({ labels: texts }), spec: z.looseObject({ containers: z.tuple([container]), terminationGracePeriodSeconds: z.number().optional() }) }),
  }),
});
const service = z.object({
  kind: z.literal('Service'),
  metadata: z.object({ name: z.string() }),
  spec: z.object({ selector: texts, ports: z.tuple([z.object({ port: z.number(), targetPort: z.string() })]) }),
});

const compose = composeFile.parse(parse(read('compose.yaml')));
const objects = parseAllDocuments(read('deploy/kubernetes.yaml')).map((document): unknown => document.toJS());
const workloads = objects.flatMap((object) => workload.safeParse(object).data ?? []);
const services = objects.flatMap((object) => service.safeParse(object).data ?? []);
const secret = objects.flatMap((object) => z.object({ kind: z.literal('Secret'), metadata: z.object({ name: z.string() }), stringData: texts }).safeParse(object).data ?? [])[0];
const dockerfile = read('Dockerfile');

/** The configuration that this environment leads to, and every variable that was looked at on the way. */
function configured(environment: Record<string, string>): { config: Config; variables: Set<string> } {
  const variables = new Set<string>();
  const watched = new Proxy(environment, {
    get(target, name) {
      if (typeof name === 'string') variables.add(name);
      return Reflect.get(target, name) as unknown;
    },
  });
  return { config: loadConfig({}, watched), variables };
}

/** `ENV` of the image. */
function imageEnvironment(): Record<string, string> {
  const [, block = ''] = /^ENV ((?:.*\\\n)*.*)$/m.exec(dockerfile) ?? [];
  return Object.fromEntries([...block.matchAll(/(\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value]));
}

/** What compose makes of `${NAME}`, `${NAME:-default}` and `${NAME:?message}`, with every secret filled in. */
function composeEnvironment(name: string): Record<string, string> {
  const filled = (text: string): string => text.replace(/\$\{(\w+)(:-[^}]*|:\?[^}]*)?\}/g, (_all, variable: string, rest = '') => (rest.startsWith(':-') ? rest.slice(2) : /SECRET|PASSWORD/.test(variable) ? hex : ''));
  return Object.fromEntries(Object.entries(compose.services[name]?.environment ?? {}).map(([variable, value]) => [variable, filled(value)]));
}

function workloadNamed(name: string): z.infer<typeof workload> {
  const found = workloads.find((one) => one.metadata.name === name);
  if (found === undefined) throw new Error(`no workload ${name}`);
  return found;
}

/** What Kubernetes makes of `valueFrom` and `$(NAME)`, with every secret filled in. */
function podEnvironment(name: string): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const { name: variable, value, valueFrom } of workloadNamed(name).spec.template.spec.containers[0].env) {
    if (valueFrom !== undefined) expect(Object.keys(secret?.stringData ?? {}), variable).toContain(valueFrom.secretKeyRef.key);
    environment[variable] = value === undefined ? hex : value.replace(/\$\((\w+)\)/g, (_all, other: string) => environment[other] ?? `undefined ${other}`);
  }
  return environment;
}

const inCompose = { ...imageEnvironment(), ...composeEnvironment('moongate') };
const inPod = { ...imageEnvironment(), ...podEnvironment('moongate') };

describe.each([['compose.yaml', inCompose], ['deploy/kubernetes.yaml', inPod]])('%s', (_file, environment) => {
  it('sets only variables that the configuration reads', () => {
    const { variables } = configured(environment);
    const ours = Object.keys(environment).filter((name) => /^MOONGATE_|_(API_KEY|BASE_URL)$/.test(name));
    expect(ours.length).toBeGreaterThan(5);
    expect(ours.filter((name) => !variables.has(name))).toEqual([]);
  });

  it('configures a replica: reachable, with the shared secret, database and counters', () => {
    const { config } = configured(environment);
    expect(config).toMatchObject({ host: '0.0.0.0', port: 8787, rootSecret: hex });
    expect(new URL(config.databaseUrl ?? '')).toMatchObject({ protocol: 'postgres:', username: 'moongate', password: hex, port: '5432', pathname: '/moongate' });
    expect(new URL(config.valkeyUrl ?? '')).toMatchObject({ protocol: 'redis:', port: '6379' });
  });

  it('does not start without the secret', () => {
    expect(() => configured({ ...environment, MOONGATE_SECRET: '' })).toThrow('MOONGATE_SECRET');
  });
});

describe('the image', () => {
  it('is of Node 24, holds no secret, and does not run as root', () => {
    expect([...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image)).toEqual(['node:24-slim', 'node:24-slim']);
    expect(dockerfile).not.toMatch(/^(ARG|ENV).*(SECRET|KEY|TOKEN|PASSWORD)/m);
    expect(dockerfile.lastIndexOf('\nUSER node')).toBeGreaterThan(dockerfile.lastIndexOf('\nCOPY'));
    expect(dockerfile).toContain(`\nVOLUME ${imageEnvironment()['MOONGATE_DATA_DIR']}\n`);
  });

  it('copies what is there and is sent to the builder, all that the server imports, and starts it as npm does', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, sources = '']) => sources.split(' '));
    const sent = read('.dockerignore').split('\n').filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    expect(copied.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect([...new Set(copied)].sort()).toEqual(sent.sort());
    expect(copied).toEqual(expect.arrayContaining(['src', 'contract', 'launch', 'package.json']));
    const { scripts } = z.object({ scripts: texts }).parse(JSON.parse(read('package.json')));
    expect(z.array(z.string()).parse(JSON.parse(/^CMD (.*)$/m.exec(dockerfile)?.[1] ?? '')).join(' ')).toBe(scripts['start']);
  });

  it('is healthy when the server says so, at the port that it exposes', async () => {
    const [, url = ''] = /fetch\(`http:\/\/127\.0\.0\.1:\$\{process\.env\.MOONGATE_PORT\}(\S+)`\)/.exec(dockerfile) ?? [];
    const app = fastify();
    registerHealth(app, '1');
    expect((await app.inject({ method: 'GET', url })).statusCode).toBe(200);
    expect(dockerfile).toContain(`\nEXPOSE ${imageEnvironment()['MOONGATE_PORT']}\n`);
    for (const path of healthPaths()) expect(path).toBe(url);
  });
});

function healthPaths(): string[] {
  const probes = Object.entries(workloadNamed('moongate').spec.template.spec.containers[0]).map(([, value]) => probe.safeParse(value).data?.httpGet.path);
  const balancer = compose.services['balancer']?.healthcheck?.test.at(-1) ?? '';
  return [new URL(balancer).pathname, ...probes.filter((path) => path !== undefined)];
}

describe('compose.yaml: the services', () => {
  it('are two replicas behind the balancer, a Postgres from 15 on and a Valkey, each with a check of its health', () => {
    const { moongate, balancer, postgres, valkey } = compose.services;
    expect(moongate?.deploy?.replicas).toBe(2);
    expect(Number(/^postgres:(\d+)$/.exec(postgres?.image ?? '')?.[1])).toBeGreaterThanOrEqual(15);
    expect(valkey?.image).toMatch(/^valkey\/valkey:\d+$/);
    for (const one of [balancer, postgres, valkey]) expect(one?.healthcheck).toBeDefined();
    expect(moongate?.depends_on).toEqual({ postgres: { condition: 'service_healthy' }, valkey: { condition: 'service_healthy' } });
    expect(new URL(inCompose['MOONGATE_DATABASE_URL'] ?? '').hostname).toBe('postgres');
    expect(new URL(inCompose['MOONGATE_VALKEY_URL'] ?? '').hostname).toBe('valkey');
    expect(composeEnvironment('postgres')).toEqual({ POSTGRES_USER: 'moongate', POSTGRES_DB: 'moongate', POSTGRES_PASSWORD: hex });
  });

  it('keep the money on a volume, give each replica a data folder of its own, and both the same folder of files', () => {
    expect(compose.services['postgres']?.volumes).toEqual(['postgres-data:/var/lib/postgresql/data']);
    expect(Object.keys(compose.volumes)).toEqual(['files', 'postgres-data']);
    expect(compose.services['moongate']?.volumes).toEqual([`files:${inCompose['MOONGATE_SHARED_FILES']}`]);
  });

  it('have a balancer that listens where it is published, and sends on to the port of the replicas', () => {
    const balancer = read('deploy/nginx.conf');
    const listens = /^\s*listen (\d+);$/m.exec(balancer)?.[1];
    expect(compose.services['balancer']?.ports).toEqual([`8787:${listens}`]);
    expect(compose.services['balancer']?.volumes?.[0]?.split(':')[0]).toBe('./deploy/nginx.conf');
    expect(balancer).toContain(`http://moongate:${configured(inCompose).config.port};`);
    expect(balancer).toContain('proxy_buffering off;');
  });

  it.skipIf(nginx === undefined)('have a balancer that nginx takes for a right one (needs nginx)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'moongate-nginx-'));
    const wrapper = join(folder, 'nginx.conf');
    writeFileSync(wrapper, `pid ${folder}/pid;\nerror_log stderr;\nevents {}\nhttp { include ${join(root, 'deploy/nginx.conf')}; }\n`);
    const { status, stderr } = spawnSync(nginx ?? '', ['-t', '-p', folder, '-c', wrapper], { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    expect([status, stderr]).toEqual([0, expect.stringContaining('syntax is ok')]);
  });

  it('let a replica finish what it has begun before they kill it', () => {
    expect(1000 * Number(/^(\d+)s$/.exec(compose.services['moongate']?.stop_grace_period ?? '')?.[1])).toBeGreaterThan(configured(inCompose).config.drainMs);
  });
});

describe('deploy/kubernetes.yaml: the objects', () => {
  it('are complete, and each Service leads to a port of the pods that it selects', () => {
    expect(objects.map((object) => z.looseObject({ kind: z.string() }).parse(object).kind).sort()).toEqual([
      'Deployment', 'Deployment', 'PersistentVolumeClaim', 'PodDisruptionBudget', 'Secret', 'Service', 'Service', 'Service', 'StatefulSet',
    ]);
    expect([workloads.length, services.length]).toEqual([3, 3]);
    for (const { spec } of workloads) expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
    for (const { metadata, spec } of services) {
      const pods = workloadNamed(metadata.name);
      expect(pods.spec.template.metadata.labels).toMatchObject(spec.selector);
      const { port, targetPort } = spec.ports[0];
      expect(pods.spec.template.spec.containers[0].ports).toEqual([{ name: targetPort, containerPort: port }]);
    }
  });

  it('are two replicas with probes, Postgres from 15 on, and the addresses that the replicas are told', () => {
    const { spec } = workloadNamed('moongate');
    expect(spec.replicas).toBe(2);
    const [pod] = spec.template.spec.containers;
    expect(pod.ports[0]?.containerPort).toBe(configured(inPod).config.port);
    expect(healthPaths()).toHaveLength(4);
    expect(new URL(inPod['MOONGATE_DATABASE_URL'] ?? '').hostname).toBe('moongate-postgres');
    expect(new URL(inPod['MOONGATE_VALKEY_URL'] ?? '').hostname).toBe('moongate-valkey');
    expect(services.map(({ metadata }) => metadata.name).sort()).toEqual(['moongate', 'moongate-postgres', 'moongate-valkey']);
    expect(Number(/:(\d+)$/.exec(workloadNamed('moongate-postgres').spec.template.spec.containers[0].image)?.[1])).toBeGreaterThanOrEqual(15);
    expect(configured(inPod).config.files.store).toEqual({ kind: 'disk', folder: pod.volumeMounts.find(({ name }) => name === 'files')?.mountPath, shared: true });
    expect(configured(inPod).config.dataDir.startsWith(`${pod.volumeMounts[0]?.mountPath}/`)).toBe(true);
  });

  it('hold a secret that is still to be filled in', () => {
    expect(secret?.metadata.name).toBe('moongate');
    expect(Object.values(secret?.stringData ?? { none: 'x' }).join('')).toBe('');
  });

  it('let a replica finish what it has begun before they kill it', () => {
    const { terminationGracePeriodSeconds = 0, containers } = workloadNamed('moongate').spec.template.spec;
    const pauseS = Number(/\[sleep, '(\d+)'\]/.exec(read('deploy/kubernetes.yaml'))?.[1]);
    expect(containers).toHaveLength(1);
    expect((terminationGracePeriodSeconds - pauseS) * 1000).toBeGreaterThan(configured(inPod).config.drainMs);
  });
});
