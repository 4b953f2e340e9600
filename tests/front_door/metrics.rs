//! `/metrics`, checked against the rules of both formats in which it is served.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::harness::Shop;

const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A family of samples, as it is described.
#[derive(Default)]
struct Family {
    has_help: bool,
    kind: String,
    /// Each with its labels and its value, in their order.
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    let is_first = |letter: char| letter.is_ascii_alphabetic() || "_:".contains(letter);
    letters.next().is_some_and(is_first)
        && letters.all(|letter| is_first(letter) || letter.is_ascii_digit())
}

/// A sample's name, labels and value.
fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let (series, value) = line.rsplit_once(' ').expect(line);
    let mut labels = BTreeMap::new();
    let (name, rest) = series.split_once('{').unwrap_or((series, "}"));
    let mut rest = rest;
    while rest != "}" {
        let (label, after) = rest.split_once("=\"").expect(line);
        let (value, after) = after.split_once('"').expect(line);
        assert!(!value.contains('\\') && is_name(label), "{line}");
        let before = labels.insert(label.to_owned(), value.to_owned());
        assert!(before.is_none(), "{line}");
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    assert!(is_name(name), "{line}");
    (name.to_owned(), labels, value.parse().expect(line))
}

/// The endings that samples of a kind have, after the family's name.
fn endings(kind: &str, is_open: bool) -> &'static [&'static str] {
    match kind {
        "counter" if is_open => &["_total"],
        "histogram" => &["_bucket", "_sum", "_count"],
        "counter" | "gauge" => &[""],
        other => panic!("{other} is no kind"),
    }
}

/// Reads a text strictly: each family is described once and before its samples, which
/// stand together, each once.
fn families(text: &str, is_open: bool) -> BTreeMap<String, Family> {
    let text = match is_open {
        true => text.strip_suffix("# EOF\n").expect("it ends with its end"),
        false => text.strip_suffix('\n').expect("it ends with a line's end"),
    };
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut series = BTreeSet::new();
    let mut present = String::new();
    for line in text.lines() {
        let Some(comment) = line.strip_prefix("# ") else {
            let (name, labels, value) = sample(line);
            let family = families.get_mut(&present).expect(line);
            let ending = name.strip_prefix(&*present).expect(line);
            assert!(endings(&family.kind, is_open).contains(&ending), "{line}");
            assert!(series.insert((name.clone(), labels.clone())), "{line}");
            family.samples.push((name, labels, value));
            continue;
        };
        let mut words = comment.splitn(3, ' ');
        let mut word = || words.next().expect(line);
        let (what, name, said) = (word(), word(), word());
        assert!(is_name(name) && !said.trim().is_empty(), "{line}");
        if name != present {
            assert!(!families.contains_key(name), "twice: {line}");
            present = name.to_owned();
        }
        let family = families.entry(present.clone()).or_default();
        assert!(family.samples.is_empty(), "too late: {line}");
        match what {
            "HELP" => assert!(!std::mem::replace(&mut family.has_help, true), "{line}"),
            "TYPE" if family.kind.is_empty() => {
                assert!(is_open || said != "counter" || name.ends_with("_total"));
                endings(said, is_open);
                said.clone_into(&mut family.kind);
            }
            "UNIT" if is_open => assert!(name.ends_with(&format!("_{said}")), "{line}"),
            _ => panic!("{line}"),
        }
    }
    for (name, family) in &families {
        assert!(family.has_help && !family.kind.is_empty(), "{name}");
        if family.kind == "histogram" {
            is_histogram(name, family);
        }
    }
    families
}

/// Buckets grow, and the last one has all.
fn is_histogram(name: &str, family: &Family) {
    let mut buckets: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for (sample, labels, value) in &family.samples {
        let module = labels["module"].as_str();
        if sample.ends_with("_bucket") {
            let end = labels["le"].parse().unwrap();
            buckets.entry(module).or_default().push((end, *value));
        } else if sample.ends_with("_count") {
            counts.insert(module, *value);
        }
    }
    assert!(
        !buckets.is_empty() && buckets.len() == counts.len(),
        "{name}"
    );
    for (module, buckets) in buckets {
        let is_growing = |pair: &[(f64, f64)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
        assert!(buckets.windows(2).all(is_growing), "{name} {buckets:?}");
        assert_eq!(*buckets.last().unwrap(), (f64::INFINITY, counts[module]));
    }
}

#[test]
fn both_formats_are_as_their_rules_have_them() {
    let shop = Shop::open();
    shop.customer("a@b.co");
    let bearer = format!("Bearer {}", shop.token);
    let ask = |accept: &str| {
        let headers = [("authorization", &*bearer), ("accept", accept)];
        shop.send("GET", "/metrics", &headers, b"")
    };
    let classic = ask("text/plain");
    assert_eq!(classic.header("content-type"), CLASSIC);
    let read = families(&classic.body, false);
    let calls = &read["wares_module_calls_total"];
    let made = calls
        .samples
        .iter()
        .find(|(_, labels, _)| labels["module"] == "customer" && labels["outcome"] == "answered");
    assert_eq!((calls.kind.as_str(), made.unwrap().2), ("counter", 1.0));
    assert_eq!(read["wares_module_call_seconds"].kind, "histogram");
    assert_eq!(read["wares_components_left_out"].kind, "gauge");
    assert!(!classic.body.contains("# UNIT") && !classic.body.contains("# EOF"));

    let open = ask("application/openmetrics-text;version=1.0.0, text/plain;q=0.5");
    assert_eq!(open.header("content-type"), OPEN);
    let read_open = families(&open.body, true);
    assert_eq!(read_open["wares_module_calls"].kind, "counter");
    let samples = |families: BTreeMap<String, Family>| -> BTreeSet<String> {
        let all = families.into_values().flat_map(|family| family.samples);
        all.map(|(name, labels, _)| format!("{name}{labels:?}"))
            .collect()
    };
    assert_eq!(samples(read), samples(read_open));
}

#[test]
fn the_classic_format_is_served_unless_the_other_is_asked_for() {
    let shop = Shop::open();
    let bearer = format!("Bearer {}", shop.token);
    for (accept, wanted) in [
        (None, CLASSIC),
        (Some("*/*"), CLASSIC),
        (Some("text/html,application/xml;q=0.9,*/*;q=0.8"), CLASSIC),
        (Some("application/openmetrics-text;q=0"), CLASSIC),
        (Some("application/openmetrics-text"), OPEN),
    ] {
        let mut headers = vec![("authorization", &*bearer)];
        headers.extend(accept.map(|accept| ("accept", accept)));
        let answer = shop.send("GET", "/metrics", &headers, b"");
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, wanted),
            "{accept:?}"
        );
    }
    let stranger = shop.send("GET", "/metrics", &[], b"");
    stranger.is(401, json!({"message": "Unauthorized"}));
}
