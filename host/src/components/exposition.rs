//! The text format of Prometheus, version 0.0.4, made of OpenMetrics, which the counting
//! library writes. The two differ in what describes a family, not in its samples.

/// The same in the classic format: a counter is described under the name of its samples,
/// quotes in a description stand as they are, and neither units nor an end are written.
pub(super) fn classic(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut lines = open_metrics.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(comment) = line.strip_prefix("# ") else {
            text.push_str(line);
            text.push('\n');
            continue;
        };
        let Some((family, help)) = comment
            .strip_prefix("HELP ")
            .and_then(|rest| rest.split_once(' '))
        else {
            // A unit, or the end.
            continue;
        };
        let kind = lines.next_if(|next| next.starts_with("# TYPE "));
        let kind = kind.and_then(|kind| kind.rsplit(' ').next());
        let kind = kind.unwrap_or("untyped");
        let suffix = if kind == "counter" { "_total" } else { "" };
        let help = help.replace("\\\"", "\"");
        text.push_str(&format!(
            "# HELP {family}{suffix} {help}\n# TYPE {family}{suffix} {kind}\n"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::classic;

    #[test]
    fn families_are_described_under_the_names_of_their_samples() {
        let open = "# HELP a_calls What \\\"calls\\\" came to.\n# TYPE a_calls counter\n\
            a_calls_total{module=\"# x\"} 1\n\
            # HELP a_call_seconds Times.\n# TYPE a_call_seconds histogram\n# UNIT a_call_seconds seconds\n\
            a_call_seconds_sum 0.5\na_call_seconds_count 1\na_call_seconds_bucket{le=\"+Inf\"} 1\n\
            # HELP a_waiting Those that wait.\n# TYPE a_waiting gauge\na_waiting 0\n# EOF\n";
        let text = "# HELP a_calls_total What \"calls\" came to.\n# TYPE a_calls_total counter\n\
            a_calls_total{module=\"# x\"} 1\n\
            # HELP a_call_seconds Times.\n# TYPE a_call_seconds histogram\n\
            a_call_seconds_sum 0.5\na_call_seconds_count 1\na_call_seconds_bucket{le=\"+Inf\"} 1\n\
            # HELP a_waiting Those that wait.\n# TYPE a_waiting gauge\na_waiting 0\n";
        assert_eq!(classic(open), text);
    }
}
