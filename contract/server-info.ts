import { z } from 'zod';
import { instant } from './instant.ts';

export const upstreamInfo = z.object({
  id: z.string(),
  /** `ready`: is tried. `resting`: failed lately and is tried last until it answers again. `unconfigured`: has no credential. */
  state: z.enum(['ready', 'resting', 'unconfigured']),
  /** Without credentials; null for one inside the process. */
  baseUrl: z.string().nullable(),
});

export const serverInfo = z.object({
  version: z.string(),
  /** Where it listens: `http://127.0.0.1:8787`. */
  address: z.string(),
  startedAt: instant,
  upstreams: z.array(upstreamInfo),
  /** `sandbox`: no upstream was ever configured, and it answers free of charge. `none`: all have been taken away again; live keys get 503. */
  liveKeysAnsweredBy: z.enum(['sandbox', 'upstreams', 'none']),
  /** `exact`: counted with the model's own tokenizer. `estimated`: an upper bound, marked as such. */
  tokenCounts: z.enum(['exact', 'estimated']),
  /** How the processes are held that read documents. */
  documents: z.object({
    /** `bubblewrap`: no files, no network, no other processes. `unshare`: no network. `none`: neither could be had. */
    confinement: z.enum(['bubblewrap', 'unshare', 'none']),
    /** `limited`: by the kernel. `watched`: looked at several times a second. */
    memory: z.enum(['limited', 'watched']),
    /** Language packs for text in pictures; empty: it is not recognised. */
    ocrLanguages: z.array(z.string()),
  }),
});

export type ServerInfo = z.infer<typeof serverInfo>;
