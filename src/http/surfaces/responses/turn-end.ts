import type { GenerationId } from '../../../base/id.ts';
import type { JsonObject } from '../../../base/json.ts';
import type { Usage } from '../../../dialogue/usage.ts';
import type { PlannedAttempt } from '../../../routing/plan.ts';

/** How a turn has ended. */
export interface TurnEnd {
  readonly generationId: GenerationId;
  /** The response object, with what its reasoning is sealed in. */
  readonly body: JsonObject;
  readonly output: readonly JsonObject[];
  /** Absent: it did not end well. */
  readonly usage?: Usage;
  /** Who answered, and at what price. */
  readonly attempt?: PlannedAttempt;
  /** What the upstream calls the thread until here, which it holds. */
  readonly contextHandle?: string;
}
