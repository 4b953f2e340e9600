//! The tutorial: every command of `docs/extensions.md` runs in one shell, from top to bottom,
//! and every output there is what it prints.
//!
//! In the document, a block `console` has commands after `$ ` and what they print; a block `sh`
//! has commands whose output is not shown; a block below a line that is `path`: in backquotes
//! is written to that file. What differs from run to run (ids, times, digests, durations) is
//! compared by its kind. Of what other tools print, the document may leave out lines.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use regex::Regex;
use tempfile::TempDir;

use crate::harness::{self, root, wait_until, wares};

/// How long one command may take: a first build compiles its dependencies.
const COMMAND_MAX: Duration = Duration::from_secs(600);

/// What the shell prints after each command, before its exit code.
const END: &str = "@@ended ";

/// Where the document's host serves. The test's has a port of its own.
const SERVED: &str = "localhost:9000";

/// How the document shows an answer to a question at the terminal.
const YES: &str = "[y/N] y\n";

/// One step of the document.
#[derive(Debug)]
enum Step {
    Write {
        path: PathBuf,
        text: String,
    },
    Run {
        command: String,
        output: Option<String>,
    },
}

/// A block of code, and the line of text before it.
struct Block<'a> {
    language: &'a str,
    before: &'a str,
    line: usize,
    text: String,
}

fn blocks(document: &str) -> Vec<Block<'_>> {
    let mut found: Vec<Block<'_>> = Vec::new();
    let (mut before, mut open) = ("", false);
    for (index, line) in document.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(language) => {
                open = true;
                let (line, text) = (index + 1, String::new());
                found.push(Block {
                    language,
                    before,
                    line,
                    text,
                });
            }
            None if open => {
                let block = found.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            None if line.is_empty() => {}
            None => before = line,
        }
    }
    assert!(!open, "the last block of code has no end");
    found
}

/// The commands of a block `console`, each with what it prints. A command goes on after a
/// backslash.
fn commands(block: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut goes_on = false;
    for line in block.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => found.push((format!("{command}\n"), String::new())),
            None if goes_on => {
                let (command, _) = found.last_mut().unwrap();
                command.push_str(line);
                command.push('\n');
            }
            None => {
                let (_, output) = found.last_mut().expect("a console begins with a command");
                output.push_str(line);
                output.push('\n');
            }
        }
        goes_on = line.ends_with('\\') && (goes_on || line.starts_with("$ "));
    }
    found
}

fn steps(document: &str) -> Vec<(usize, Step)> {
    let file = Regex::new("^`([^`]+)`:$").unwrap();
    let mut steps = Vec::new();
    for block in blocks(document) {
        let path = file.captures(block.before).map(|found| found[1].to_owned());
        match (block.language, path) {
            ("console", _) => {
                let commands = commands(&block.text).into_iter();
                steps.extend(commands.map(|(command, output)| {
                    let output = Some(output);
                    (block.line, Step::Run { command, output })
                }));
            }
            ("sh", _) => {
                let lines = block.text.lines();
                steps.extend(lines.map(|line| {
                    let (command, output) = (format!("{line}\n"), None);
                    (block.line, Step::Run { command, output })
                }));
            }
            (_, Some(path)) => {
                let (path, text) = (path.into(), block.text);
                steps.push((block.line, Step::Write { path, text }));
            }
            (language, None) => panic!("line {}: no test knows what `{language}` is", block.line),
        }
    }
    steps
}

/// What differs from run to run, by its kind.
fn kinds(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, kind) in [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
        (r"\b([a-z]+_)[0-9A-HJKMNP-TV-Z]{26}\b", "$1<id>"),
        (r"\b[0-9a-f]{12,64}\b", "<digest>"),
        (r"\b(\d+m )?\d+(\.\d+)?(ms|s)\b", "<duration>"),
        (r"\b\d+ bytes\b", "<size>"),
    ] {
        let pattern = Regex::new(pattern).unwrap();
        text = pattern.replace_all(&text, kind).into_owned();
    }
    text
}

/// Whether a command prints what the document says, which may leave out lines of other tools.
fn prints(command: &str, wanted: &str, printed: &str) -> bool {
    let (wanted, printed) = (kinds(wanted), kinds(printed));
    let first = command.split_whitespace().next().unwrap_or_default();
    if ["wares", "curl"].contains(&first) {
        return wanted == printed;
    }
    let mut printed = printed.lines().map(str::trim_end);
    let mut wanted = wanted.lines().map(str::trim_end);
    wanted.all(|wanted| printed.any(|printed| printed == wanted))
}

/// A shell in which the reader works, and its host.
struct Terminal {
    shell: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    folder: PathBuf,
    port: Option<String>,
}

impl Terminal {
    fn open(folder: &Path, tools: &Path) -> Self {
        let mut shell = Command::new("bash");
        for name in wares().get_envs().filter(|(_, value)| value.is_none()) {
            shell.env_remove(name.0);
        }
        for name in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
            "CARGO_TARGET_DIR",
        ] {
            shell.env_remove(name);
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(tools.to_owned()).chain(std::env::split_paths(&path));
        shell
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("WARES_SERVER_LISTEN", "127.0.0.1:0")
            .env("CARGO_TERM_COLOR", "never")
            // What the gate installed before comes from caches.
            .env("npm_config_prefer_offline", "true")
            .env("npm_config_update_notifier", "false")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut shell = shell.spawn().expect("bash starts");
        let mut input = shell.stdin.take().unwrap();
        input.write_all(b"exec 2>&1\n").unwrap();
        let output = shell.stdout.take().unwrap();
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines();
            lines
                .map_while(Result::ok)
                .all(|line| send.send(line).is_ok())
        });
        let folder = folder.to_owned();
        Self {
            shell,
            input,
            lines,
            folder,
            port: None,
        }
    }

    /// Runs a command to its end, and returns what it printed and its exit code.
    fn run(&mut self, command: &str, answers: bool) -> (String, String) {
        let background = command.trim_end().ends_with('&');
        let command = match &self.port {
            Some(port) => command.replace(SERVED, &format!("localhost:{port}")),
            None => command.to_owned(),
        };
        let command = match (background, answers) {
            (true, _) => format!(
                "{} > host.log 2>&1 &\n",
                command.trim_end().trim_end_matches('&')
            ),
            (false, true) => {
                let quoted = command.trim_end().replace('\'', r"'\''");
                format!(
                    "printf 'y\\n' | script --quiet --echo never --command '{quoted}' /dev/null\n"
                )
            }
            (false, false) => format!("{{ {}\n}} < /dev/null\n", command.trim_end()),
        };
        let ended = format!("printf '\\n{END}%s\\n' $?\n");
        self.input.write_all((command + &ended).as_bytes()).unwrap();
        let mut printed = String::new();
        let code = loop {
            let line = self.lines.recv_timeout(COMMAND_MAX);
            let line = line.unwrap_or_else(|_| panic!("no end within {COMMAND_MAX:?}:\n{printed}"));
            match line.strip_prefix(END) {
                Some(code) => break code.to_owned(),
                None => printed = printed + line.trim_end_matches('\r') + "\n",
            }
        };
        if background {
            self.find_host();
        }
        // Of the line that the mark begins on.
        let mut printed = printed.trim_end_matches('\n').to_owned();
        if !printed.is_empty() {
            printed.push('\n');
        }
        let served = self.port.as_ref().map(|port| format!("localhost:{port}"));
        let printed = served.map_or(printed.clone(), |served| printed.replace(&served, SERVED));
        (printed, code)
    }

    /// Waits until the host serves, and reads where.
    fn find_host(&mut self) {
        let said = self.folder.join("data/listening");
        let address = || fs::read_to_string(&said).unwrap_or_default();
        wait_until("a host serves", || address().contains(':'));
        let address = address();
        let first = address.lines().next().unwrap_or_default();
        self.port = first.rsplit(':').next().map(str::to_owned);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The host is a child of the shell.
        let _ = self.input.write_all(b"kill $(jobs -p); wait; exit\n");
        let _ = self.shell.wait();
    }
}

/// Where the projects of the document are built: what they share is built once.
fn built_together(project: &Path) {
    let target = root().join("target/tutorial");
    fs::create_dir_all(&target).unwrap();
    std::os::unix::fs::symlink(target.canonicalize().unwrap(), project.join("target")).unwrap();
}

#[test]
fn every_command_of_the_tutorial_prints_what_is_there() {
    let folder = TempDir::new().unwrap();
    let tools = TempDir::new().unwrap();
    std::os::unix::fs::symlink(wares().get_program(), tools.path().join("wares")).unwrap();
    let data = folder.path().join("data");
    fs::rename(harness::data().keep(), &data).unwrap();
    let document = fs::read_to_string(root().join("docs/extensions.md")).unwrap();
    let mut terminal = Terminal::open(folder.path(), tools.path());
    let steps = steps(&document);
    assert!(steps.len() > 20, "{steps:?}");
    // All at once: a person mends the document.
    let mut wrong = Vec::new();
    for (line, step) in steps {
        match step {
            Step::Write { path, text } => {
                let path = folder.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Step::Run { command, output } => {
                let wanted = output.as_deref();
                let answers = wanted.is_some_and(|wanted| wanted.contains(YES));
                let (printed, code) = terminal.run(&command, answers);
                let place = format!("docs/extensions.md, the block of line {line}: {command}");
                assert!(!printed.contains("command not found"), "{place}{printed}");
                match wanted.map(|wanted| wanted.replace(YES, "[y/N] ")) {
                    Some(wanted) if prints(&command, &wanted, &printed) => {}
                    Some(wanted) => wrong.push(format!(
                        "{place}is said to print:\n{wanted}and prints (exit code {code}):\n{printed}"
                    )),
                    None => assert_eq!(code, "0", "{place}{printed}"),
                }
                if command.starts_with("wares new") && command.contains("--lang rust") {
                    let name = command.split_whitespace().nth(2).unwrap();
                    built_together(&folder.path().join(name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
