/**
 * Functions that a policy may grant: those of SQLite that compute from their arguments alone, or from the rows of the statement.
 * What loads code, reads files, changes settings or tells of the engine is not among them.
 */
export const FUNCTIONS: readonly string[] = Object.freeze(
  `abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling char coalesce concat concat_ws cos cosh count cume_dist
  date datetime degrees dense_rank exp first_value floor format glob group_concat hex ifnull iif instr
  json json_array json_array_length json_extract json_group_array json_group_object json_insert json_object json_patch
  json_quote json_remove json_replace json_set json_type json_valid julianday
  lag last_value lead length like ln log log10 log2 lower ltrim max min mod nth_value ntile nullif octet_length
  percent_rank pi pow power printf quote radians rank replace round row_number rtrim
  sign sin sinh sqrt strftime string_agg substr substring sum tan tanh time timediff total trim trunc typeof
  unhex unicode unixepoch upper`.split(/\s+/u),
)
