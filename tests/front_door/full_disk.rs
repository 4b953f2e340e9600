//! A full disk: which requests continue, which are refused, and how the host reports it.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Answer, Shop, copy, data, hostile_guest, text, wares};

const DISK_BYTES: u64 = 128 << 20;

/// Takes what is left of the disk.
const FILL: &str =
    "dd if=/dev/zero of=\"$0/ballast\" bs=4k conv=notrunc oflag=append 2>/dev/null || true";

/// A disk of its own over a folder, for what is run on it alone. It lasts longer than a server.
struct SmallDisk {
    holder: Child,
    folder: PathBuf,
}

impl SmallDisk {
    fn over(folder: &Path) -> Self {
        let content = TempDir::new().unwrap();
        copy(folder, content.path());
        let mut command = Command::new("unshare");
        command.arg("--mount");
        // Who is not root becomes it in a namespace of its own.
        if !is_root() {
            command.arg("--map-root-user");
        }
        let script = format!(
            "mount -t tmpfs -o size={DISK_BYTES} none \"$0\" && cp -a \"$1\"/. \"$0\" && echo ready && exec sleep 3600"
        );
        let mut holder = command
            .args(["sh", "-c", &script])
            .args([folder, content.path()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let stdout = holder.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n");
        Self {
            holder,
            folder: folder.to_owned(),
        }
    }

    /// Begins a command that sees the disk.
    fn inside(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.holder.id().to_string(), "--mount"]);
        if !is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.arg("--");
        command
    }

    fn run(&self, script: &str) -> bool {
        let mut command = self.inside();
        command.args(["sh", "-c", script]).arg(&self.folder);
        command.status().unwrap().success()
    }

    fn serve(&self, command: &mut Command) {
        let component = format!("modules.hostile.component={}", hostile_guest().display());
        let mut inside = self.inside();
        inside
            .arg(command.get_program())
            .args(command.get_args())
            .args(["--set", &component])
            .args(["--set", "modules.hostile.path_prefixes=/hostile"])
            .args(["--set", "modules.hostile.limits.deadline_ms=60000"])
            .args(["--set", "modules.hostile.limits.call_ms=60000"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        *command = inside;
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

fn write(shop: &Shop, email: &str) -> Answer {
    shop.post("/admin/customers", json!({"email": email}))
}

fn is_refused(answer: &Answer) {
    answer.refuses(503, "unavailable", "the disk or the database is full");
    assert_eq!(answer.header("retry-after"), "1");
}

/// Signs in and makes a key.
fn write_of_the_hosts_own(shop: &Shop) {
    let key = shop.post(
        "/admin/api-keys",
        json!({"title": "made", "type": "secret"}),
    );
    assert_eq!(key.status, 200, "{}", key.body);
    let session = shop.post("/auth/session", json!({}));
    assert_eq!(session.status, 200, "{}", session.body);
}

#[test]
fn only_the_module_that_fills_the_disk_is_refused() {
    let folder = data();
    let disk = SmallDisk::over(folder.path());
    let shop = Shop::open_on(folder, |command| disk.serve(command));
    for number in 0..2 {
        let filled = shop.send("GET", "/hostile/fill", &[], b"");
        filled.is(200, json!({"sql": "unavailable"}));
        let made = write(&shop, &format!("{number}@shop.example"));
        assert_eq!(made.status, 200, "{}", made.body);
        write_of_the_hosts_own(&shop);
    }
    assert_eq!(shop.get("/admin/customers").value()["count"], 2);
}

#[test]
fn a_host_starts_on_a_full_disk_and_serves_requests_that_need_no_room() {
    let folder = data();
    let disk = SmallDisk::over(folder.path());
    let mut shop = Shop::open_on(folder, |command| disk.serve(command));
    assert_eq!(write(&shop, "a@shop.example").status, 200);
    assert!(disk.run("test -s \"$0/reserve\""));
    assert!(disk.run(FILL));
    is_refused(&write(&shop, "b@shop.example"));
    let health = shop.send("GET", "/health", &[], b"");
    let said = "OK\nTrouble with the database of the module customer, which can be read: \
                the disk or the database is full";
    assert_eq!((health.status, &*health.body), (200, said));
    let metric = "wares_database_troubles_total{database=\"modules/customer.db\",kind=\"full\"}";
    assert_eq!(shop.metric(metric), 1);
    let log = shop
        .server
        .wait_for_log("the database of the module customer is in trouble");
    let why = "the disk is full: free space on its disk, or raise \
               limits.database_bytes_max where it is as large as that";
    assert!(log.contains(why), "{log}");
    // For this the host releases what it held.
    write_of_the_hosts_own(&shop);
    assert!(!disk.run("test -e \"$0/reserve\""));
    let log = shop.server.wait_for_log("the disk is full");
    assert!(log.contains("customer.db"), "{log}");
    is_refused(&write(&shop, "b@shop.example"));
    // The second time nothing at all is left when it starts.
    for _ in 0..2 {
        assert!(disk.run(FILL));
        shop.server.child.kill().unwrap();
        shop.server.child.wait().unwrap();
        let Shop { server, data, .. } = shop;
        drop(server);
        shop = Shop::open_on(data, |command| disk.serve(command));
        assert_eq!(shop.send("GET", "/health", &[], b"").status, 200);
        assert_eq!(shop.get("/admin/customers").value()["count"], 1);
        is_refused(&write(&shop, "b@shop.example"));
    }
    assert!(disk.run("rm \"$0/ballast\""));
    let end = Instant::now() + Duration::from_secs(60);
    while write(&shop, "b@shop.example").status != 200 {
        assert!(Instant::now() < end, "nothing is written");
    }
    // That is over once the disk was looked at once more.
    while shop.send("GET", "/health", &[], b"").body != "OK" {
        assert!(Instant::now() < end, "the trouble does not end");
    }
    while !disk.run("test -s \"$0/reserve\"") {
        assert!(Instant::now() < end, "the host takes no reserve again");
        write_of_the_hosts_own(&shop);
    }
    assert_eq!(shop.get("/admin/customers?q=b@shop").value()["count"], 1);
    // The space that was free when its database was opened is no bound later.
    let filled = shop.send("GET", "/hostile/fill", &[], b"");
    filled.is(200, json!({"sql": "unavailable"}));
    assert!(disk.run("test $(stat -c %s \"$0/modules/hostile.db\") -gt 33554432"));
}

#[test]
fn a_start_without_room_names_the_path() {
    let folder = data();
    let disk = SmallDisk::over(folder.path());
    // Without what the host keeps for itself.
    assert!(disk.run("rm -f \"$0/reserve\""));
    assert!(disk.run(FILL));
    let mut inside = disk.inside();
    let command = wares();
    inside
        .arg(command.get_program())
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path())
        .current_dir(folder.path());
    let ended = inside.stdin(Stdio::null()).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let said = text(&ended.stderr);
    let last = said.lines().last().unwrap_or_default();
    let words = format!(
        "{}: the disk is full: free space on its disk",
        folder.path().join("host.db").display()
    );
    // Warnings of the start may come before it.
    assert!(
        last.starts_with("wares: ") && last.ends_with(&words),
        "{said}"
    );
    assert!(!said.contains("rror code"), "{said}");
}
