import { expect, it } from 'vitest';
import { ByteBudget, type TakenBytes } from './byte-budget.ts';

it('lets in as much as there is room for, in order, and what is larger than all of it alone', async () => {
  const budget = new ByteBudget(10);
  const entered: string[] = [];
  const taken = new Map<string, TakenBytes>();
  const take = (name: string, bytes: number, signal = new AbortController().signal): Promise<void> =>
    budget.take(bytes, signal).then((one) => (entered.push(name), taken.set(name, one), undefined));
  const giveBack = (name: string): Promise<void> => (taken.get(name)?.giveBack(), new Promise((resolve) => setImmediate(resolve)));
  const leaving = new AbortController();
  void take('a', 6);
  void take('b', 4);
  const left = take('gone', 9, leaving.signal);
  void take('large', 30);
  void take('c', 1);
  await giveBack('none');
  expect(entered).toEqual(['a', 'b']);
  leaving.abort(new Error('stopped'));
  await expect(left).rejects.toThrow('stopped');
  await giveBack('a');
  expect(entered).toEqual(['a', 'b']);
  await giveBack('b');
  expect(entered).toEqual(['a', 'b', 'large']);
  await giveBack('large');
  expect(entered).toEqual(['a', 'b', 'large', 'c']);
  await expect(budget.take(1, leaving.signal)).rejects.toThrow('stopped');
});
