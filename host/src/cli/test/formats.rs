//! Results of cases: for a person, as TAP and as JUnit's XML.

use std::io::{StdoutLock, Write};
use std::time::Duration;

use super::cases::Case;
use super::comparing::Finding;
use super::house::House;
use super::play::Play;
use super::{Arguments, Format};
use crate::printable::{Printer, printable_line};

/// The result of a case.
pub(super) struct Result<'a> {
    pub case: &'a Case,
    /// How many it was played with.
    pub seeds: u64,
    /// The seed with which it failed, and what came of it.
    pub failed: Option<(u64, Play)>,
    pub took: Duration,
}

/// Where results go, one by one.
pub(super) trait Report {
    fn add(&mut self, result: &Result<'_>) -> std::io::Result<()>;
    fn end(&mut self) -> std::io::Result<()>;
}

type Out = Printer<StdoutLock<'static>>;

/// Begins a report of so many cases.
pub(super) fn begin(
    arguments: &Arguments,
    house: &House,
    count: usize,
    mut out: Out,
) -> std::io::Result<Box<dyn Report>> {
    Ok(match arguments.format {
        Format::Human => Box::new(Human {
            out,
            passed: 0,
            failed: 0,
            is_seeded: arguments.seeds.is_some(),
        }),
        Format::Tap => {
            writeln!(out, "TAP version 14\n1..{count}")?;
            Box::new(Tap { out, number: 0 })
        }
        Format::Junit => Box::new(Junit {
            out,
            file: arguments.cases.display().to_string(),
            component: house.title().to_owned(),
            cases: Vec::new(),
            failures: 0,
            took: Duration::ZERO,
        }),
    })
}

impl Finding {
    /// Its lines, without an indent.
    fn lines(&self) -> Vec<String> {
        match self {
            Self::Says(text) => vec![text.clone()],
            Self::Differs(differs) => vec![
                differs.path.clone(),
                format!("  expected {}", differs.expected),
                format!("  got      {}", differs.got),
            ],
        }
    }
}

impl Result<'_> {
    /// What a failed case has to say.
    fn lines(&self) -> Vec<String> {
        let Some((_, play)) = &self.failed else {
            return Vec::new();
        };
        let mut lines = vec![self.case.place.clone()];
        lines.extend(play.findings.iter().flat_map(Finding::lines));
        let log = play.log_lines();
        if !log.is_empty() {
            lines.push("log:".to_owned());
            lines.extend(log.into_iter().map(|line| format!("  {line}")));
        }
        // Text of components begins no line.
        let lines = lines.into_iter();
        lines
            .map(|line| printable_line(&line).into_owned())
            .collect()
    }

    /// The seed, where it is not said on the command line.
    fn seed(&self) -> String {
        match &self.failed {
            Some((seed, _)) => format!("seed {seed}"),
            None => String::new(),
        }
    }
}

struct Human {
    out: Out,
    passed: usize,
    failed: usize,
    is_seeded: bool,
}

impl Report for Human {
    fn add(&mut self, result: &Result<'_>) -> std::io::Result<()> {
        let name = printable_line(&result.case.name).into_owned();
        if result.failed.is_none() {
            self.passed += 1;
            let seeds = match self.is_seeded {
                true => format!(" ({} seeds)", result.seeds),
                false => String::new(),
            };
            return writeln!(self.out, "ok      {name}{seeds}");
        }
        self.failed += 1;
        let seed = match self.is_seeded {
            true => format!(" ({})", result.seed()),
            false => String::new(),
        };
        writeln!(self.out, "FAILED  {name}{seed}")?;
        for line in result.lines() {
            writeln!(self.out, "        {line}")?;
        }
        Ok(())
    }

    fn end(&mut self) -> std::io::Result<()> {
        let (passed, failed) = (self.passed, self.failed);
        writeln!(self.out, "{passed} passed, {failed} failed")
    }
}

struct Tap {
    out: Out,
    number: usize,
}

impl Report for Tap {
    fn add(&mut self, result: &Result<'_>) -> std::io::Result<()> {
        self.number += 1;
        // A # begins a directive.
        let name = printable_line(&result.case.name)
            .replace('\\', "\\\\")
            .replace('#', "\\#");
        let number = self.number;
        if result.failed.is_none() {
            return writeln!(self.out, "ok {number} - {name}");
        }
        writeln!(self.out, "not ok {number} - {name}")?;
        writeln!(
            self.out,
            "  ---\n  {}\n  message: |",
            result.seed().replace(' ', ": ")
        )?;
        for line in result.lines() {
            writeln!(self.out, "    {line}")?;
        }
        writeln!(self.out, "  ...")
    }

    fn end(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// JUnit says how many there are before it says which.
struct Junit {
    out: Out,
    file: String,
    component: String,
    cases: Vec<String>,
    failures: usize,
    took: Duration,
}

impl Report for Junit {
    fn add(&mut self, result: &Result<'_>) -> std::io::Result<()> {
        self.took += result.took;
        let (name, class) = (xml(&result.case.name), xml(&self.component));
        let seconds = result.took.as_secs_f64();
        let mut case =
            format!("    <testcase classname=\"{class}\" name=\"{name}\" time=\"{seconds:.3}\"");
        if result.failed.is_none() {
            case += "/>";
        } else {
            self.failures += 1;
            let (message, text) = (xml(&result.seed()), xml(&result.lines().join("\n")));
            case += &format!(
                ">\n      <failure message=\"{message}\">{text}</failure>\n    </testcase>"
            );
        }
        self.cases.push(case);
        Ok(())
    }

    fn end(&mut self) -> std::io::Result<()> {
        let (tests, failures) = (self.cases.len(), self.failures);
        let (file, seconds) = (xml(&self.file), self.took.as_secs_f64());
        let counts =
            format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" time=\"{seconds:.3}\"");
        writeln!(self.out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(self.out, "<testsuites {counts}>")?;
        writeln!(self.out, "  <testsuite name=\"{file}\" {counts}>")?;
        for case in &self.cases {
            writeln!(self.out, "{case}")?;
        }
        writeln!(self.out, "  </testsuite>\n</testsuites>")
    }
}

/// Text in XML: what is not printable is escaped as everywhere, for XML has no control letters.
fn xml(text: &str) -> String {
    let text = crate::printable::printable(text);
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::xml;

    #[test]
    fn text_in_xml_is_escaped_and_has_no_control_letters() {
        assert_eq!(
            xml("a<b> & \"c\"\u{7}"),
            "a&lt;b&gt; &amp; &quot;c&quot;\\u{7}"
        );
    }
}
