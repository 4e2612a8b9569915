//! Times in the tables of our own layout: the one place where SQL compares and adds them.

/// The later of a stored moment and a given one: what was seen does not go backward.
pub(crate) fn later(stored: &str, given: &str) -> String {
    format!("CASE WHEN {stored} > {given} THEN {stored} ELSE COALESCE({given}, {stored}) END")
}

/// When a row ends without activity, as an expression over its columns. The sum stays within
/// a column's bounds.
pub(crate) const IDLE_END: &str = "CASE WHEN seen > 9223372036854775807 - idle_span \
                                   THEN 9223372036854775807 ELSE seen + idle_span END";
