/** Why a run begins no further line: its batch takes none, we are closing, or another has the job now. */
export class RunStopped extends Error {
  readonly why: 'batch' | 'closing' | 'lost';

  constructor(why: RunStopped['why']) {
    super('no further line is begun');
    this.why = why;
  }
}
