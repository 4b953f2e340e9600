//! A shop to test: the server as a process of its own, and requests to it.

mod answer;
mod go;
mod shop;

pub use answer::{Answer, customer, group};
pub use go::{built_by_go, go};
pub use shop::{JSON, Shop, agent};

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex, OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub const EMAIL: &str = "admin@shop.example";

pub const PASSWORD: &str = "correct horse battery staple";

/// How long a test waits for what has to happen.
pub const WAIT_MAX: Duration = Duration::from_secs(60);

/// The command, with nothing of this process's surroundings that it would read.
pub fn wares() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wares-under-test"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WARES_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command.env("RUST_BACKTRACE", "0");
    command
}

/// Runs the command with these arguments to its end.
pub fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    wares()
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The output of a command.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A data folder with an admin and compiled components, made once: to copy it
/// spares each test the hashing of a password and the compiler.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
    TEMPLATE
        .get_or_init(|| {
            let folder = TempDir::new().unwrap();
            let mut server = Server::start(folder.path(), |command| {
                command
                    .env("WARES_ADMIN_EMAIL", EMAIL)
                    .env("WARES_ADMIN_PASSWORD", PASSWORD);
            });
            assert!(server.stop().success());
            folder
        })
        .path()
}

/// Copies a folder into one that is there.
pub fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        // Room that a host keeps; the next one makes it anew.
        if entry.file_name() == "reserve" {
            continue;
        }
        // Also where a link leads to.
        if entry.path().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A data folder of a test's own, with an admin in it.
pub fn data() -> TempDir {
    let folder = TempDir::new().unwrap();
    // As the host makes it: it warns of others.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    copy(template(), folder.path());
    folder
}

/// A server that runs.
pub struct Server {
    pub child: Child,
    pub port: u16,
    log: Arc<Log>,
    logging: Option<JoinHandle<()>>,
}

/// The standard error of a server so far.
#[derive(Default)]
struct Log {
    text: Mutex<String>,
    grown: Condvar,
}

impl Log {
    fn read(&self, stderr: impl Read) {
        // A server that is killed may end its log within a letter.
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let mut text = self.text.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
            self.grown.notify_all();
        }
    }
}

impl Server {
    /// Starts a server on a data folder, and waits until it serves.
    pub fn start(data: &Path, set_up: impl FnOnce(&mut Command)) -> Self {
        Self::start_on(data, "127.0.0.1:0", set_up)
    }

    /// The same, to listen somewhere.
    pub fn start_on(data: &Path, listen: &str, set_up: impl FnOnce(&mut Command)) -> Self {
        let mut command = wares();
        command
            .args(["serve", "--listen", listen, "--data"])
            .arg(data);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // No settings file of the developer who runs the tests.
        command.current_dir(data);
        set_up(&mut command);
        let mut child = command.spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let log = Arc::new(Log::default());
        let logging = std::thread::spawn({
            let log = log.clone();
            move || log.read(stderr)
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        stdout.read_line(&mut greeting).unwrap();
        let url = match serde_json::from_str::<Value>(&greeting) {
            Ok(greeting) => greeting["url"].as_str().unwrap_or_default().to_owned(),
            Err(_) => greeting.trim().to_owned(),
        };
        let Some(port) = url.rsplit(':').next().and_then(|port| port.parse().ok()) else {
            logging.join().unwrap();
            let log = log.text.lock().unwrap();
            panic!("the server did not start: {greeting}{log}");
        };
        std::thread::spawn(move || {
            // A pipe without a reader must not stop the server.
            let _ = std::io::copy(&mut stdout, &mut std::io::sink());
        });
        Self {
            child,
            port,
            log,
            logging: Some(logging),
        }
    }

    /// Waits until it has logged this; returns the lines since it last was waited for.
    pub fn wait_for_log(&self, what: &str) -> String {
        let text = self.log.text.lock().unwrap();
        let (mut text, waited) = self
            .log
            .grown
            .wait_timeout_while(text, WAIT_MAX, |text| !text.contains(what))
            .unwrap();
        assert!(!waited.timed_out(), "it never logs {what:?}:\n{text}");
        std::mem::take(&mut *text)
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Stops it as Ctrl-C does, and waits for its end.
    pub fn stop(&mut self) -> std::process::ExitStatus {
        self.signal("-INT");
        self.child.wait().unwrap()
    }

    /// Stops it as Ctrl-C does. It has to end within this time.
    pub fn stop_within(&mut self, time: Duration) -> std::process::ExitStatus {
        self.signal("-INT");
        let end = Instant::now() + time;
        loop {
            if let Some(ended) = self.child.try_wait().unwrap() {
                return ended;
            }
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it, and returns all that it logged.
    pub fn stop_for_log(mut self) -> String {
        self.stop();
        self.logging.take().unwrap().join().unwrap();
        std::mem::take(&mut *self.log.text.lock().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Creates a FIFO; a process that opens it to read waits.
pub fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// Releases the processes that wait at a FIFO and, until the returned file is dropped,
/// later ones. One has to come within a bound.
pub fn open_fifo(path: &Path) -> fs::File {
    let (opened, file) = mpsc::channel();
    let fifo = path.to_owned();
    std::thread::spawn(move || opened.send(fs::OpenOptions::new().write(true).open(fifo)));
    let file = file.recv_timeout(WAIT_MAX);
    let file = file.unwrap_or_else(|_| panic!("nothing waits at {}", path.display()));
    file.unwrap()
}

/// Waits until something holds, within a bound.
#[track_caller]
pub fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + WAIT_MAX;
    while !holds() {
        assert!(Instant::now() < end, "it is never so: {what}");
        std::thread::yield_now();
    }
}

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The tool that makes components of Python, which `just python` installed.
pub fn componentize_py() -> PathBuf {
    let tool = root().join("target/python/bin/componentize-py");
    assert!(
        tool.exists(),
        "target/python has no componentize-py: `just python` installs it"
    );
    // The tests run it in other folders.
    fs::canonicalize(tool).unwrap()
}

/// The module whose extension point is of a later minor version than any extension knows.
pub fn later_guest() -> &'static Path {
    Path::new(env!("LATER_GUEST"))
}

/// The component that does what no module should.
pub fn hostile_guest() -> &'static Path {
    Path::new(env!("HOSTILE_GUEST"))
}

/// The example of an extension that refuses domains of email addresses.
pub fn email_policy() -> &'static Path {
    Path::new(env!("EMAIL_POLICY"))
}

/// The example of a module with orders of customers.
pub fn orders() -> &'static Path {
    Path::new(env!("ORDERS"))
}

/// The example of a module with points of customers.
pub fn loyalty() -> &'static Path {
    Path::new(env!("LOYALTY"))
}

/// The example of an extension that mails new customers.
pub fn welcome_mail() -> &'static Path {
    Path::new(env!("WELCOME_MAIL"))
}

/// A component that exports nothing but its lifecycle.
pub fn bare_guest() -> &'static Path {
    Path::new(env!("BARE_GUEST"))
}

/// A module whose answers depend on time and chance.
pub fn chancy_guest() -> &'static Path {
    Path::new(env!("CHANCY_GUEST"))
}

/// A module that was built against version 1.0.0 of the contracts.
pub fn fixture_module_1_0_0() -> &'static Path {
    Path::new(env!("FIXTURE_MODULE_1_0_0"))
}

/// A version of the module `marked`: what the mark says, in words like `version=2.0.0`.
pub fn marked(mark: &str) -> Vec<u8> {
    with_mark(env!("MARKED_GUEST"), mark)
}

/// The extension `meddler` under another name.
pub fn meddler(name: &str) -> Vec<u8> {
    meddler_version(name, "")
}

/// A version of it: what the mark says, in words like `version=2.0.0 does=traps`.
pub fn meddler_version(name: &str, mark: &str) -> Vec<u8> {
    with_mark(env!("MEDDLER_GUEST"), &format!("name={name} {mark}"))
}

/// The same, with the lines of its sources in it.
pub fn meddler_with_lines(name: &str, mark: &str) -> Vec<u8> {
    with_mark(env!("MEDDLER_WITH_LINES"), &format!("name={name} {mark}"))
}

/// The component `provider` under another name.
pub fn provider(name: &str) -> Vec<u8> {
    with_mark(env!("PROVIDER_GUEST"), &format!("name={name}"))
}

/// The component `listener` under another name.
pub fn listener(name: &str) -> Vec<u8> {
    with_mark(env!("LISTENER_GUEST"), &format!("name={name}"))
}

/// A component with another mark in its bytes.
fn with_mark(component: &str, mark: &str) -> Vec<u8> {
    const BEGINNING: &[u8] = b"wares-mark:";
    const LENGTH: usize = 140;
    let mut bytes = fs::read(component).unwrap();
    let index = bytes
        .windows(BEGINNING.len())
        .position(|window| window == BEGINNING)
        .unwrap();
    let text = format!("{}{mark}", String::from_utf8_lossy(BEGINNING));
    assert!(text.len() <= LENGTH, "{mark}");
    bytes[index..index + LENGTH].copy_from_slice(format!("{text:LENGTH$}").as_bytes());
    bytes
}
