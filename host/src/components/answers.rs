//! Which answers of components HTTP can carry. Sending an answer and verifying a version
//! go by the same rules.

use super::Response;
use crate::headers::is_token;

/// Headers that an answer may have.
const HEADERS_MAX: usize = 100;
/// Their names and values together, in bytes; clients accept hardly more.
const HEADERS_BYTES_MAX: usize = 64 * 1024;
/// The longest name that the HTTP library takes, in bytes.
const NAME_BYTES_MAX: usize = 65_535;

/// The fault of an answer 304 to a request without a condition.
pub const NO_304: &str =
    "the answer has the status 304, which a request without a condition does not get";

/// Why HTTP cannot carry an answer, if it cannot.
pub fn unsendable(response: &Response) -> Option<String> {
    let fault = || {
        if !(200..600).contains(&response.status) {
            return Some(format!("the status {}", response.status));
        }
        if response.headers.len() > HEADERS_MAX {
            return Some(format!("more than {HEADERS_MAX} headers"));
        }
        let bytes = |header: &super::Header| header.name.len() + header.value.len();
        if response.headers.iter().map(bytes).sum::<usize>() > HEADERS_BYTES_MAX {
            return Some(format!("more than {HEADERS_BYTES_MAX} bytes of headers"));
        }
        response.headers.iter().find_map(|header| {
            let name = &header.name;
            if name.len() > NAME_BYTES_MAX || !is_token(name) {
                Some(format!("a header named '{}'", name.escape_debug()))
            } else if !header.value.bytes().all(is_of_value) {
                let name = name.to_ascii_lowercase();
                Some(format!(
                    "a value of the header {name} that no header can hold"
                ))
            } else {
                None
            }
        })
    };
    fault().map(|fault| format!("the answer has {fault}"))
}

/// Why an answer to a request without a condition cannot be sent, if it cannot.
pub(super) fn fault_in(response: &Response) -> Option<String> {
    let is_304 = response.status == 304;
    unsendable(response).or_else(|| is_304.then(|| NO_304.to_owned()))
}

/// Whether a value of a header may have this byte (RFC 9110, 5.5).
fn is_of_value(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::{HEADERS_BYTES_MAX, HEADERS_MAX, fault_in};
    use crate::components::{Header, Response};

    fn header(name: &str, value: &str) -> Header {
        Header {
            name: name.to_owned(),
            value: value.to_owned(),
        }
    }

    #[track_caller]
    fn check(status: u16, headers: Vec<Header>, fault: Option<&str>) {
        let response = Response {
            status,
            headers,
            body: Vec::new(),
        };
        assert_eq!(fault_in(&response).as_deref(), fault);
    }

    #[test]
    fn an_answer_that_http_cannot_carry_has_a_fault() {
        check(200, Vec::new(), None);
        check(599, vec![header("X-A", "b\tc é")], None);
        check(199, Vec::new(), Some("the answer has the status 199"));
        check(600, Vec::new(), Some("the answer has the status 600"));
        check(304, Vec::new(), Some(super::NO_304));
        let many = |count| (0..count).map(|_| header("a", "b")).collect();
        check(200, many(HEADERS_MAX), None);
        check(
            200,
            many(HEADERS_MAX + 1),
            Some("the answer has more than 100 headers"),
        );
        let long = |bytes| vec![header("a", &"b".repeat(bytes))];
        check(200, long(HEADERS_BYTES_MAX - 1), None);
        check(
            200,
            long(HEADERS_BYTES_MAX),
            Some("the answer has more than 65536 bytes of headers"),
        );
        check(
            200,
            vec![header("", "b")],
            Some("the answer has a header named ''"),
        );
        check(
            200,
            vec![header("a:", "b")],
            Some("the answer has a header named 'a:'"),
        );
        let fault = "the answer has a value of the header x-a that no header can hold";
        for value in ["b\nc", "\0", "\u{7f}"] {
            check(200, vec![header("X-A", value)], Some(fault));
        }
    }
}
