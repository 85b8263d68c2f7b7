import type { Caller } from '../../../access/caller.ts';
import type { GenerationId, JobId, ResponseId } from '../../../base/id.ts';
import type { JsonObject } from '../../../base/json.ts';
import type { Sealer } from '../../../base/sealer.ts';
import type { JobStore } from '../../../jobs/job-store.ts';
import type { Database } from '../../../storage/database.ts';
import type { ResponseEventStore } from '../../../threads/response-event-store.ts';
import type { TenantScope } from '../../../base/tenant-scope.ts';
import type { ResponsesVendor } from '../../../wire/openai-responses/responses-fault.ts';
import type { ResponsesDeps } from './responses-deps.ts';

export interface BackgroundDeps extends ResponsesDeps {
  readonly database: Pick<Database, 'commitIf' | 'announcement' | 'onAnnouncement'>;
  readonly jobs: JobStore;
  readonly events: ResponseEventStore;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
  /** The caller of a key by its id; undefined when the key is not usable any more. */
  callerOfKey(keyId: string): Promise<Caller | undefined>;
}

/** The word for jobs that make a response. */
export const responseJobKind = 'response';

/** Announced, with its id, when somebody has decided over a response that another server may be making. */
export const abandonedTopic = 'response-abandoned';

/** What whoever takes the job needs to know beside the stored response. */
export interface BackgroundJob {
  readonly responseId: ResponseId;
  readonly scope: TenantScope;
  readonly keyId: string;
  readonly generationId: GenerationId;
  readonly surface: string;
  readonly vendor: ResponsesVendor;
  /** The body of the request. */
  readonly wire: JsonObject;
  readonly sandboxScript?: string;
}

/** The job that makes a response. */
export function jobOf(responseId: string): JobId {
  return `job_${responseId.slice('resp_'.length)}`;
}

/** A job of its caller's words, sealed for the table that it waits in. */
export function sealedJob({ sealer }: Pick<BackgroundDeps, 'sealer'>, id: JobId, job: BackgroundJob): string {
  return sealer.seal(JSON.stringify(job), contextOf(id));
}

/** Throws when it was sealed for another job, or by another house. */
export function openedJob({ sealer }: Pick<BackgroundDeps, 'sealer'>, id: JobId, payload: string): BackgroundJob {
  return JSON.parse(sealer.open(payload, contextOf(id))) as BackgroundJob;
}

function contextOf(id: JobId): string {
  return `response-job\n${id}`;
}
