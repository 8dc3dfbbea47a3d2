/**
 * Functions that a policy may grant on PostgreSQL: those that compute from their arguments alone, or from the rows of the
 * statement. What reads files, settings, catalogs or other tables, writes, waits or runs SQL is not among them.
 */
export const POSTGRES_FUNCTIONS: readonly string[] = Object.freeze(
  `abs acos acosh age array_agg array_append array_cat array_length array_position array_prepend array_remove array_to_string
  ascii asin asinh atan atan2 atanh avg bit_and bit_length bit_or bool_and bool_or btrim cardinality cbrt ceil ceiling
  char_length character_length chr coalesce concat concat_ws corr cos cosh count cume_dist date_part date_trunc decode degrees dense_rank
  div encode every exp extract factorial first_value floor format gcd generate_series greatest initcap json_agg json_array_elements
  json_array_elements_text json_array_length json_build_array json_build_object json_each json_each_text json_extract_path
  json_extract_path_text json_object_agg json_object_keys json_typeof jsonb_agg jsonb_array_elements
  jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text
  jsonb_extract_path jsonb_extract_path_text jsonb_object_agg jsonb_object_keys jsonb_typeof justify_days justify_hours
  lag last_value lcm lead least left length like ln log log10 lower lpad ltrim make_date make_interval make_timestamp max md5 min mod
  mode now nth_value ntile nullif octet_length overlay percent_rank percentile_cont percentile_disc pi position power radians rank
  regexp_count regexp_match regexp_matches regexp_replace regexp_split_to_array repeat replace reverse right round row_number rpad
  rtrim sha256 sign sin sinh split_part sqrt starts_with stddev stddev_pop stddev_samp string_agg string_to_array strpos substr
  substring sum tan tanh timezone to_char to_date to_json to_jsonb to_number to_timestamp translate trim trim_scale trunc
  unnest upper var_pop var_samp variance width_bucket`.split(/\s+/u),
)

/** Other names under which the parser writes what was granted. */
export const ALIASES: Readonly<Record<string, readonly string[]>> = {
  like: ['like_escape', 'similar_to_escape'],
  trim: ['btrim', 'ltrim', 'rtrim'],
}
