//! The fields of a line of the log as text: `name=value`, each on one line, whatever its
//! value.

use std::fmt::{self, Debug, Display};

use tracing::Event;
use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{FormatFields, Writer};

use crate::printable::printable_line;

/// Writes the fields of a line.
pub(super) struct Fields;

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = Visitor {
            writer,
            is_first: true,
            result: Ok(()),
        };
        fields.record(&mut visitor);
        visitor.result
    }
}

struct Visitor<'writer> {
    writer: Writer<'writer>,
    is_first: bool,
    result: fmt::Result,
}

impl Visitor<'_> {
    fn write(&mut self, name: &str, value: impl Display) -> fmt::Result {
        if !std::mem::take(&mut self.is_first) {
            self.writer.write_char(' ')?;
        }
        if name == "message" {
            write!(self.writer, "{value}")
        } else if self.writer.has_ansi_escapes() {
            write!(self.writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m{value}")
        } else {
            write!(self.writer, "{name}={value}")
        }
    }
}

impl Visit for Visitor<'_> {
    /// The ids of a request, which each span has, need neither escapes nor a copy.
    fn record_str(&mut self, field: &Field, value: &str) {
        if !value.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            self.record_debug(field, &value);
        } else if self.result.is_ok() {
            self.result = self.write(field.name(), format_args!("\"{value}\""));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // The crate `log` adds the call site as `log.…`.
        if self.result.is_ok() && !field.name().starts_with("log.") {
            self.result = self.write(field.name(), printable_line(&format!("{value:?}")));
        }
    }
}

/// Finds the value of one of these fields.
pub(super) struct Named<'a> {
    names: &'a [&'a str],
    value: Option<String>,
}

impl Named<'_> {
    /// The value in a line.
    pub(super) fn in_event(event: &Event<'_>, names: &[&str]) -> Option<String> {
        let mut named = Named { names, value: None };
        event.record(&mut named);
        named.value
    }
}

impl Visit for Named<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if self.names.contains(&field.name()) {
            self.value = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if self.names.contains(&field.name()) {
            self.value = Some(format!("{value:?}"));
        }
    }
}

/// The message of a line and its fields, without those of these names and empty ones.
pub(super) fn text_of(event: &Event<'_>, without: &[&str]) -> String {
    let mut text = Text {
        without,
        text: String::new(),
    };
    event.record(&mut text);
    text.text
}

struct Text<'a> {
    without: &'a [&'a str],
    text: String,
}

impl Visit for Text<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if !value.is_empty() {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let name = field.name();
        if self.without.contains(&name) || name.starts_with("log.") {
            return;
        }
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        if name != "message" {
            self.text.push_str(name);
            self.text.push('=');
        }
        self.text.push_str(&printable_line(&format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    const EVIL: &str = "a\u{9b}31m\u{202e}b\u{2028}c\nERROR forged";

    fn log() {
        let error = EVIL;
        tracing::info!(text = EVIL, %error, count = 3, "says {EVIL}");
    }

    #[test]
    fn text_of_others_stays_on_its_line() {
        let lines = Lines::default();
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(lines.clone())
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .fmt_fields(Fields);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let shown = "a\\u{9b}31m\\u{202e}b\\u{2028}c\\nERROR forged";
        let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            lines,
            format!(" INFO says {shown} text=\"{shown}\" error={shown} count=3\n")
        );
    }

    #[test]
    fn lines_of_json_keep_the_value() {
        let lines = Lines::default();
        let out = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(move || crate::printable::Printer::of_json(out.clone()))
            .json();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(text.ends_with('\n'));
        let line = text.trim_end();
        assert!(!line.contains(crate::printable::is_unfit), "{line}");
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["fields"]["text"], EVIL);
        assert_eq!(value["fields"]["error"], EVIL);
    }
}
