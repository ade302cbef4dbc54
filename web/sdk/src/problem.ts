/**
 * A refusal as an exception. Whatever went wrong – an answer of the server, no answer, or a lost
 * connection – callers catch one type and read one shape.
 */
import type { Problem } from "./protocol.js";

export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = "ProblemError";
    this.problem = problem;
  }
}

/** A refusal that this side makes up itself: status 0 says that no server spoke. */
export function localProblem(code: string, detail: string): ProblemError {
  return new ProblemError({ status: 0, code, detail });
}

/** Any caught value as a problem that can be shown. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  return { status: 0, code: "unexpected", detail: error instanceof Error ? error.message : String(error) };
}

/** The problem in a parsed response body, or one that says no more than the status. */
export function problemFrom(status: number, body: unknown): Problem {
  if (typeof body === "object" && body !== null && "code" in body && "detail" in body) {
    return { ...(body as Problem), status };
  }
  return { status, code: "http_error", detail: `The server answered with status ${status}.` };
}
