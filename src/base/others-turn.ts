/** Lets everything else that waits for the event loop have its turn: for long work, between its pieces. */
export function othersTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
