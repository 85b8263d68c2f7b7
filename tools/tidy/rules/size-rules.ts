import type { CallExpression, Node } from 'oxc-parser';
import { Visitor } from 'oxc-parser';
import type { Rule } from '../rule.ts';
import { programRule } from '../rule.ts';

const fileLinesMax = 400;
const testFileLinesMax = 600;
const functionLinesMax = 70;

export const fileLengthRule: Rule = programRule(
  'file-length',
  'A file that can be read in one sitting is one thing; the god files of other gateways began as small ones.',
  (file, report) => {
    const max = file.isTest ? testFileLinesMax : fileLinesMax;
    const lines = file.lineOf(file.text.trimEnd().length);
    if (lines > max) report(0, `${lines} lines, ${max} allowed; what is the second thing in it?`);
  },
);

export const functionLengthRule: Rule = programRule(
  'function-length',
  'A function that fits on a screen can be held in the head at once.',
  (file, report) => {
    const suites = new Set<Node>();
    const check = (node: Node & { readonly start: number; readonly end: number }): void => {
      const lines = file.lineOf(node.end) - file.lineOf(node.start) + 1;
      if (lines > functionLinesMax && !suites.has(node)) report(node, `${lines} lines, ${functionLinesMax} allowed; name its steps`);
    };
    new Visitor({
      // The body of a `describe` is a list of tests, not a function that anybody has to follow.
      CallExpression(node) {
        if (file.isTest && isSuite(node)) for (const argument of node.arguments) suites.add(argument);
      },
      FunctionDeclaration: check,
      FunctionExpression: check,
      ArrowFunctionExpression: check,
    }).visit(file.parsed.program);
  },
);

/** What takes a list of tests; `onEveryDatabase` is a `describe` for each of them (tests/doubles/databases.ts). */
const suiteWords = new Set(['describe', 'onEveryDatabase']);

/** `describe(…)`, `describe.each(…)(…)` and the like. */
function isSuite(call: CallExpression): boolean {
  let callee: Node = call.callee;
  while (callee.type === 'CallExpression' || callee.type === 'MemberExpression') {
    callee = callee.type === 'CallExpression' ? callee.callee : callee.object;
  }
  return callee.type === 'Identifier' && suiteWords.has(callee.name);
}
