/** What may cross between guest and host, and how large. */

/** Arguments of one call, in UTF-16 code units where the guest checks and in bytes where the host does. */
export const ARGUMENTS_SIZE_MAX = 4 * 1024 * 1024
/** The JSON of one result, as delivered to the guest. */
export const RESULT_BYTES_MAX = 32 * 1024 * 1024
/** The JSON of the tool's input. */
export const INPUT_BYTES_MAX = 8 * 1024 * 1024
/** The tool's source. */
export const PROGRAM_BYTES_MAX = 4 * 1024 * 1024
/** The JSON of the tool's value, in UTF-16 code units; past it the fault is `output`. max_output_kb is the tighter bound of the host. */
export const OUTPUT_SIZE_MAX = 16 * 1024 * 1024
/** Deepest nesting of arguments, results and the tool's value. */
export const JSON_DEPTH_MAX = 64
/** One log line; longer ones are cut with a mark. */
export const LOG_LINE_SIZE_MAX = 8 * 1024
/** Name, message and stack of an uncaught error, each. */
export const ERROR_TEXT_SIZE_MAX = 4 * 1024
/** An idempotency key. */
export const KEY_SIZE_MAX = 200
/** An op's name. */
export const OP_NAME_SIZE_MAX = 128
/** Timers that one run may set in all, and have waiting at once. */
export const TIMERS_MAX = 10_000
export const TIMERS_WAITING_MAX = 256
/** Longest delay of a timer: 24 days, as in browsers. */
export const TIMER_MS_MAX = 2 ** 31 - 1
/** The mark that stands where text was cut. */
export const CUT_MARK = '… [cut]'
/** Handles that one run may make with `only()`, and how often one may be derived from another. */
export const HANDLES_MAX = 1_000
export const HANDLE_DEPTH_MAX = 16
/** The JSON of the caveats of one handle. */
export const CAVEATS_SIZE_MAX = 4 * 1024
