//! The form of an answer by a request's `Accept`, where the host has more than one.

use hyper::header::{ACCEPT, HeaderMap};

/// The served version of OpenMetrics.
const OPEN_METRICS_VERSION: &str = "1.0.0";

/// The weight of a media type, in thousandths; `None` if it is not named.
type Quality = Option<u16>;

/// Whether OpenMetrics is requested by name, with at least the weight of Prometheus' own
/// format.
pub(super) fn open_metrics(headers: &HeaderMap) -> bool {
    let is_spoken = |parameters: &str| {
        let version = parameter(parameters, "version");
        version.is_none_or(|version| version == OPEN_METRICS_VERSION)
    };
    let open = quality(headers, "application/openmetrics-text", is_spoken);
    let classic = quality(headers, "text/plain", |_| true);
    open.is_some_and(|open| open > 0 && open >= classic.unwrap_or(0))
}

/// Whether a page is requested by name, as browsers do.
pub(super) fn html(headers: &HeaderMap) -> bool {
    quality(headers, "text/html", |_| true).is_some_and(|quality| quality > 0)
}

/// The weight of a media type that is named itself, with matching parameters.
fn quality(headers: &HeaderMap, media_type: &str, fits: impl Fn(&str) -> bool) -> Quality {
    let ranges = headers.get_all(ACCEPT).iter();
    ranges
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| {
            let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
            let is_named = name.trim().eq_ignore_ascii_case(media_type);
            (is_named && fits(parameters)).then(|| weight(parameters))
        })
        .max()
}

/// The weight `q`, in thousandths; an invalid one is 0.
fn weight(parameters: &str) -> u16 {
    let Some(weight) = parameter(parameters, "q") else {
        return 1000;
    };
    let weight = weight.parse::<f32>().unwrap_or_default();
    (weight.clamp(0.0, 1.0) * 1000.0).round() as u16
}

fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|parameter| {
        let (other, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        other.trim().eq_ignore_ascii_case(name).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn accept(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(value))])
    }

    #[test]
    fn open_metrics_is_sent_on_request() {
        assert!(!open_metrics(&HeaderMap::new()));
        for (asked, wanted) in [
            ("*/*", false),
            ("application/*", false),
            ("text/plain;version=0.0.4", false),
            ("application/openmetrics-text", true),
            ("Application/OpenMetrics-Text ; Version=\"1.0.0\"", true),
            ("application/openmetrics-text;version=0.0.1", false),
            ("application/openmetrics-text;version=2.0.0", false),
            ("application/openmetrics-text;q=0", false),
            ("application/openmetrics-text;q=0.000", false),
            ("application/openmetrics-text;q=x", false),
            (
                "text/plain;q=0.5, application/openmetrics-text;q=0.4",
                false,
            ),
            ("text/plain;q=0.4, application/openmetrics-text;q=0.5", true),
            // What Prometheus 2.42 and 3.4 send.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                true,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                true,
            ),
        ] {
            assert_eq!(open_metrics(&accept(asked)), wanted, "{asked}");
        }
    }

    #[test]
    fn a_page_is_sent_to_browsers() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert!(html(&accept(browser)));
        for other in ["*/*", "application/json", "text/html;q=0"] {
            assert!(!html(&accept(other)), "{other}");
        }
    }
}
