import { SetUpError } from '../setup/command.js';

/** Does what a command is for, and ends the process; where that fails, says why, and how the command is called. */
export async function runProgram(main: () => Promise<void>, usage: string): Promise<never> {
  return main().then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(isOfTheCaller(error) ? error.message : error);
      console.error(`\n${usage}`);
      process.exit(1);
    },
  );
}

/** Whether whoever called the command has to do something, and needs no stack trace for that. */
function isOfTheCaller(error: unknown): error is Error {
  if (error instanceof SetUpError) return true;
  return error instanceof Error && 'code' in error && /^ERR_PARSE_ARGS_/.test(String(error.code));
}

/**
 * Reads the value of an option. Throws a SetUpError where it is no whole number of 1 or more.
 *
 * @param option for the message
 */
export function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new SetUpError(`--${option} ${text}: it has to be a whole number, 1 or more`);
  }
  return value;
}
