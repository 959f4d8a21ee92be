import { findPlace } from "./place.ts";

/** A function at the top of a file is declared as one: it has a name in stack traces and can be used before. */
export const noTopLevelArrows: Deno.lint.Rule = {
  create(context) {
    function check(node: Deno.lint.Node | null | undefined): void {
      if (node?.type !== "VariableDeclaration") return;
      for (const { id, init } of node.declarations) {
        if (init?.type === "ArrowFunctionExpression" || init?.type === "FunctionExpression") {
          const name = id.type === "Identifier" ? id.name : "it";
          context.report({
            node: init,
            message: "No top-level arrow functions",
            hint: `function ${name}() { … }`,
          });
        }
      }
    }
    return {
      Program(node) {
        for (const statement of node.body) {
          check(statement.type === "ExportNamedDeclaration" ? statement.declaration : statement);
        }
      },
    };
  },
};

/** Private by `#`, which holds at run time as well. */
export const privateByHash: Deno.lint.Rule = {
  create(context) {
    // Parameter properties come without their accessibility, so the keyword is read from the text.
    function check(node: Deno.lint.Node): void {
      if (/^((static|override)\s+)*private\b/.test(context.sourceCode.getText(node))) {
        context.report({ node, message: "Private by #, not by the keyword" });
      }
    }
    return {
      PropertyDefinition: check,
      // A constructor has no # of its own.
      MethodDefinition(node) {
        if (node.kind !== "constructor") check(node);
      },
      AccessorProperty: check,
      TSParameterProperty: check,
    };
  },
};

const checkedErrors = ["Error", "TypeError", "RangeError", "SyntaxError", "UsageError"];

/** An error's message is a sentence without its period and without contractions. */
export const errorMessage: Deno.lint.Rule = {
  create(context) {
    if (!findPlace(context.filename).product) return {};
    return {
      NewExpression(node) {
        if (node.callee.type !== "Identifier" || !checkedErrors.includes(node.callee.name)) return;
        const argument = node.arguments[0];
        if (argument === undefined) return;
        const text = messageText(argument);
        if (text === undefined) return;
        const faults = [
          /^[a-z]+ /.test(text) && "starts in lower case",
          /[^.]\.$/.test(text) && "ends with a period",
          /\w['’](t|s|re|ll|ve|m|d)\b(?<!['’]s)/.test(text) && "has a contraction",
        ].filter((fault) => fault !== false);
        if (faults.length === 0) return;
        context.report({
          node: argument,
          message: `Error message ${faults.join(", ")}`,
          hint: 'Such as "Cannot attach on_cpu: operation not permitted"',
        });
      },
    };
  },
};

/** The text with `*` for what is filled in; undefined when there is none to judge. */
function messageText(node: Deno.lint.Node): string | undefined {
  if (node.type === "Literal") return typeof node.value === "string" ? node.value : undefined;
  if (node.type === "TemplateLiteral") return node.quasis.map((part) => part.raw).join("*");
  return undefined;
}

const mostLines = 500;

/** Small files, named in snake_case; JavaScript is for programs under watch. */
export const smallFiles: Deno.lint.Rule = {
  create(context) {
    const { path } = findPlace(context.filename);
    return {
      Program() {
        const name = path.split("/").at(-1) ?? "";
        if (!/^[a-z0-9_]+(\.d)?\.(tsx?|js)$/.test(name)) {
          context.report({ range: [0, 0], message: `File name ${name} is not in snake_case` });
        }
        const lines = context.sourceCode.text.split("\n").length;
        if (lines > mostLines) {
          context.report({ range: [0, 0], message: `${lines} lines are over ${mostLines}: split the file` });
        }
      },
    };
  },
};
